"""Calls of torch's own modules back as these modules: made from the arguments of the one operator that they call.

What is made is a guess until it has run beside the calls that it stands for (:mod:`graphspec.importing.pt2.network`).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from graphspec.importing.pt2.functions import arguments_of, base_name
from graphspec.importing.pt2.program import Node, Ref
from graphspec.importing.pt2.segments import Segment, is_function
from graphspec.ops import UnknownOp, lookup

_PREFIX = "torch.nn.modules."
_RECURRENT: dict[str, type[nn.Module]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn_tanh": nn.RNN, "rnn_relu": nn.RNN}


@dataclasses.dataclass(frozen=True, eq=False)
class Restored:
    """`module` in the place of a call: `inputs` are the values that it takes, `outputs` those that it gives, in order.

    ``options`` go to its forward; ``several``: its one value in the program is a tuple.
    ``tensors`` are its weights: name in the module, name in the program.
    """

    module: nn.Module
    inputs: list[Any]
    outputs: list[str]
    tensors: Mapping[str, str]
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    several: bool = False


def candidates(
    segment: Segment, values: Mapping[str, str], tensors: Mapping[str, Tensor], sizes: Collection[str]
) -> Iterator[Restored]:
    """The modules that may stand for `segment`.

    `values` are the names of the tensors that values are, `sizes` those of values that are no tensors.
    """
    if not segment.kind.startswith(_PREFIX) or any(isinstance(item, Segment) for item in segment.items):
        return
    try:
        op = lookup(segment.title)
    except UnknownOp:
        return
    nodes = [node for node in segment.nodes if is_function(node)]
    own = {
        name.removeprefix(f"{segment.path}."): name for name in tensors if name.startswith(f"{segment.path}.")
    }  # fmt: skip
    known = _Known(segment, nodes, values, tensors, own, sizes)
    if op.factory in _RECURRENT.values():
        yield from _recurrent(known)
    elif segment.title == "MultiheadAttention":
        yield from _attention(known)
    elif len(nodes) == 1:
        found = _single(known, op.factory, list(op.arguments))
        if found:
            yield found


@dataclasses.dataclass(frozen=True, eq=False)
class _Known:
    segment: Segment
    nodes: list[Node]
    values: Mapping[str, str]
    tensors: Mapping[str, Tensor]
    own: Mapping[str, str]
    sizes: Collection[str]

    def tensor(self, value: Any) -> Tensor | None:
        """The weight that an argument is."""
        return self.tensors.get(self.values.get(value.name, "")) if isinstance(value, Ref) else None


def _made(
    known: _Known, make: Callable[[], nn.Module], inputs: list[Any], outputs: list[str], **options: Any
) -> Restored | None:
    """The module with its weights; None where it has others than the program."""
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            module = make()
    except (TypeError, ValueError, RuntimeError, AssertionError):
        return None
    theirs = {name: known.tensors[full] for name, full in known.own.items()}
    shapes = {name: tuple(value.shape) for name, value in [*module.named_parameters(), *module.named_buffers()]}
    left = shapes.keys() - theirs.keys() - {"num_batches_tracked"}
    if left or any(shapes.get(name) != tuple(value.shape) for name, value in theirs.items()):
        return None
    return Restored(module, inputs, outputs, known.own, options)


def _single(known: _Known, factory: type[nn.Module], arguments: list[str]) -> Restored | None:
    """A module that calls one operator, whose arguments have the constructor's names."""
    (node,) = known.nodes
    bound = _bound(node)
    inputs = [value for value in bound.values() if isinstance(value, Ref) and known.tensor(value) is None]
    words = {name: value for name, value in bound.items() if name in arguments and not _has_ref(value)}
    words |= _from_weights(known, bound) | ({"padding": bound["pad"]} if "pad" in bound else {})
    words = {name: _plain(value) for name, value in words.items() if name in arguments}
    if factory is nn.ReLU6:
        words = {}
    if factory is nn.Upsample:
        words = _upsampled(node, bound)
    if any(_has_ref(value) for value in words.values()):
        return None
    return _made(known, lambda: factory(**words), inputs, [node.name])


def _bound(node: Node) -> dict[str, Any]:
    """The arguments of a call by the names of the operator's schema, the defaults filled in."""
    found: dict[str, Any] = {}
    for place, argument in enumerate(arguments_of(node.op)):
        if place < len(node.args):
            found[argument.name] = node.args[place]
        elif argument.name in node.kwargs:
            found[argument.name] = node.kwargs[argument.name]
        elif argument.has_default_value():
            found[argument.name] = argument.default_value
    return found


def _from_weights(known: _Known, bound: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor's arguments that the weights' shapes hold."""
    weight, bias = known.tensor(bound.get("weight")), known.tensor(bound.get("bias"))
    mean = known.tensor(bound.get("running_mean"))
    found: dict[str, Any] = {"bias": bias is not None}
    title = known.segment.title
    if weight is not None:
        shape, groups = list(weight.shape), bound.get("groups", 1)
        if title.startswith("ConvTranspose"):
            found |= {"in_channels": shape[0], "out_channels": shape[1] * groups, "kernel_size": shape[2:]}
        elif title.startswith("Conv"):
            found |= {"in_channels": shape[1] * groups, "out_channels": shape[0], "kernel_size": shape[2:]}
        elif title == "Linear":
            found |= {"in_features": shape[1], "out_features": shape[0]}
        elif title == "Embedding":
            index = bound.get("padding_idx", -1)
            found |= {
                "num_embeddings": shape[0],
                "embedding_dim": shape[1],
                "padding_idx": None if index == -1 else index,
            }
        elif title == "PReLU":
            found |= {"num_parameters": shape[0]}
        elif title == "GroupNorm":
            found |= {"num_channels": shape[0]}
    first = weight if weight is not None else mean
    if "Norm" in title:
        found |= {"affine": weight is not None, "elementwise_affine": weight is not None}
        found |= {"track_running_stats": mean is not None} | (
            {"num_features": first.shape[0]} if first is not None else {}
        )
    if title == "GroupNorm" and weight is None:
        found["num_channels"] = bound["num_groups"]
    return found


def _plain(value: Any) -> Any:
    """An argument as the constructor takes it: no list where it may be left out, a tuple in place of others."""
    if isinstance(value, list):
        return tuple(value) if value else None
    return value


def _upsampled(node: Node, bound: Mapping[str, Any]) -> dict[str, Any]:
    name = base_name(node.op)[1].removeprefix("upsample_").rstrip("123d")
    found: dict[str, Any] = {"mode": name, "size": bound.get("output_size"), "scale_factor": bound.get("scale_factors")}
    found = {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}
    return found | ({"align_corners": True} if bound.get("align_corners") else {})


def _has_ref(value: Any) -> bool:
    return isinstance(value, Ref) or (isinstance(value, list | tuple) and any(map(_has_ref, value)))


def _recurrent(known: _Known) -> Iterator[Restored]:
    """The states are left out where the module itself made them, as zeros."""
    nodes = [node for node in known.nodes if base_name(node.op)[1] in _RECURRENT]
    if len(nodes) != 1:
        return
    (node,) = nodes
    kind = base_name(node.op)[1]
    source, states, _, has_bias, layers, dropout, _, both, batch_first = node.args[:9]
    inside = {each.name for each in known.segment.items if isinstance(each, Node)}
    given = states if isinstance(states, list) else [states]
    outer = [state for state in given if isinstance(state, Ref) and state.name not in inside]
    if outer and len(outer) < len(given):
        return
    weight, hidden = known.own.get("weight_ih_l0"), known.own.get("weight_hh_l0")
    if weight is None or hidden is None or (isinstance(source, Ref) and source.name in inside):
        return
    rows = {"lstm": 4, "gru": 3}.get(kind, 1)
    words: dict[str, Any] = {
        "input_size": known.tensors[weight].shape[1], "hidden_size": known.tensors[hidden].shape[0] // rows,
        "num_layers": layers, "bias": has_bias, "batch_first": batch_first, "dropout": dropout, "bidirectional": both,
    }  # fmt: skip
    projected = known.tensors[hidden].shape[1]
    words |= {"proj_size": projected} if projected != words["hidden_size"] else {}
    words |= {"nonlinearity": "relu"} if kind == "rnn_relu" else {}
    inputs = [source] if not outer else [source, outer if kind == "lstm" else outer[0]]
    found = _made(known, lambda: _RECURRENT[kind](**words), inputs, [node.name])
    if found:
        yield dataclasses.replace(found, several=True)


def _attention(known: _Known) -> Iterator[Restored]:
    """Heads, order of the dims and which value is a mask do not stand in the program as such: each guess is tried."""
    weight = known.own.get("out_proj.weight")
    inside = {node.name for node in known.segment.nodes}
    used = [name for node in known.nodes for name in node.inputs()]
    outer = list(dict.fromkeys(name for name in used if name not in {*inside, *known.values, *known.sizes}))
    if weight is None or not 1 <= len(outer) <= 4 or not known.nodes:
        return
    width = known.tensors[weight].shape[0]
    numbers = {n for node in known.nodes for n in _numbers(node.args) if 0 < n <= width and width % n == 0}
    bias = "in_proj_bias" in known.own
    last = [node.name for node in known.nodes]
    masks = [None, *outer] if len(outer) > 1 else [None]
    for mask, heads, first, weighed in itertools.product(masks, sorted(numbers), (True, False), (False, True)):
        sources = [Ref(name) for name in outer if name != mask]
        inputs = sources if len(sources) == 3 else [sources[0], sources[-1], sources[-1]]
        inputs += [Ref(mask)] if mask else []
        words: dict[str, Any] = {"embed_dim": width, "num_heads": heads, "bias": bias, "batch_first": first}
        found = _made(known, lambda words=words: nn.MultiheadAttention(**words), inputs, last, need_weights=weighed)  # type: ignore[misc]
        if found:
            yield found


def _numbers(value: Any) -> Iterator[int]:
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _numbers(item)
