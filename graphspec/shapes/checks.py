"""What torch lets pass on fake tensors, or answers badly: ranks, dims out of range, dtypes, broadcasting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sympy
import torch

from graphspec.diagnostics import Diagnostic, quoted
from graphspec.graph import Layer
from graphspec.ops.arguments import dtype_name
from graphspec.ops.inferred import ranks
from graphspec.shapes.dims import SizeExpr, dim_text, tidy
from graphspec.shapes.shaped import TensorType
from graphspec.system.torch_private import Max, Min

_DIM_NAMES = frozenset(["dim", "dim0", "dim1", "dim2", "dimension", "start_dim", "end_dim"])
#: These put a new dim in, so that the end itself is a place.
_NEW_DIM = frozenset(["unsqueeze", "stack"])
_IDS = frozenset(["Embedding", "EmbeddingBag"])
_PIECES = frozenset(["chunk", "split", "unbind"])
_MOST_PIECES = 1024
_CUTTING = frozenset(["pad", *(f"{kind}Pad{n}d" for kind in ("Constant", "Zero") for n in (1, 2, 3))])
_INT_TYPES = (torch.int64, torch.int32)


def faults_before_running(
    layer: Layer, inputs: Mapping[str, TensorType], arguments: Mapping[str, Any], broadcast: bool
) -> Iterator[Diagnostic]:
    """Faults that a fake run would not show."""
    yield from _rank(layer, inputs)
    yield from _dims(layer, inputs, arguments)
    yield from _dtypes(layer, inputs)
    yield from _output_padding(layer, inputs, arguments)
    yield from _pieces(layer, inputs, arguments)
    if layer.op.broadcasts and not broadcast:
        yield from _broadcasting(layer, inputs)


def _rank(layer: Layer, inputs: Mapping[str, TensorType]) -> Iterator[Diagnostic]:
    wanted = ranks(layer.op)
    kind = next(iter(inputs.values()), None)
    if wanted and kind and len(kind.shape) not in wanted:
        dims = " or ".join(f"{rank}" for rank in wanted)
        message = f"layer {quoted(layer.label)}: {layer.op.name} takes a batch of {dims} dims, not {len(kind.shape)}"
        yield Diagnostic("wrong-rank", message, layer.at, _rank_hint(wanted[-1]))


def _rank_hint(rank: int) -> str:
    return {3: "N × C × L", 4: "N × C × H × W", 5: "N × C × D × H × W"}[rank] + " is what it wants"


def _dims(layer: Layer, inputs: Mapping[str, TensorType], arguments: Mapping[str, Any]) -> Iterator[Diagnostic]:
    kind = next(iter(inputs.values()), None)
    if kind is None:
        return
    rank = len(kind.shape) + (layer.op.name in _NEW_DIM)
    for name in _DIM_NAMES & arguments.keys():
        values = arguments[name] if isinstance(arguments[name], list | tuple) else [arguments[name]]
        for value in values:
            if isinstance(value, int) and not isinstance(value, bool) and not -rank <= value < max(rank, 1):
                message = f"layer {quoted(layer.label)}: {name} is {value}, but the input has {len(kind.shape)} dims"
                yield Diagnostic("shape-mismatch", message, (*layer.at, name), f"from {-rank} to {rank - 1}")


def _dtypes(layer: Layer, inputs: Mapping[str, TensorType]) -> Iterator[Diagnostic]:
    kind = next(iter(inputs.values()), None)
    if kind is None or layer.op.is_function or layer.op.origin not in ("torch.nn", "torchvision.ops"):
        return
    if layer.op.name in _IDS and kind.dtype not in _INT_TYPES:
        message = f"layer {quoted(layer.label)}: {layer.op.name} takes int64 indices, not {dtype_name(kind.dtype)}"
        yield Diagnostic("wrong-dtype", message, layer.at, 'declare the input with dtype = "int64"')
    learns = {"weight", "bias"} & layer.op.arguments.keys() or "in_features" in layer.op.arguments
    if layer.op.name not in _IDS and learns and not kind.dtype.is_floating_point:
        message = (
            f"layer {quoted(layer.label)}: {layer.op.name} takes floating point numbers, not {dtype_name(kind.dtype)}"
        )
        yield Diagnostic("wrong-dtype", message, layer.at, "an Embedding layer makes vectors of indices")


def _output_padding(
    layer: Layer, inputs: Mapping[str, TensorType], arguments: Mapping[str, Any]
) -> Iterator[Diagnostic]:
    """A transposed convolution fills at most what a stride or a dilation leaves open; some meta kernels do not look."""
    padding, stride, dilation = (
        arguments.get(name, least) for name, least in (("output_padding", 0), ("stride", 1), ("dilation", 1))
    )
    kind = next(iter(inputs.values()), None)
    if "output_padding" not in layer.op.arguments or kind is None or len(kind.shape) < 3:
        return
    paddings, strides, dilations = (
        value if isinstance(value, list | tuple) else [value] * (len(kind.shape) - 2)
        for value in (padding, stride, dilation)
    )
    if any(p >= max(s, d) for p, s, d in zip(paddings, strides, dilations, strict=False)):
        given = f"output_padding is {padding}, with stride {stride} and dilation {dilation}"
        message = f"layer {quoted(layer.label)}: {given}"
        hint = "output_padding must be smaller than the stride or the dilation"
        yield Diagnostic("shape-mismatch", message, (*layer.at, "output_padding"), hint)


def _pieces(layer: Layer, inputs: Mapping[str, TensorType], arguments: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """A value taken apart into a great many, or nobody knows how many."""
    kind = next(iter(inputs.values()), None)
    dim = arguments.get("dim", 0)
    if layer.op.name not in _PIECES or kind is None or not -len(kind.shape) <= dim < len(kind.shape):
        return
    size, step = kind.shape[dim], arguments.get("split_size_or_sections", 1)
    if not isinstance(step, int) or (not isinstance(size, int) and "chunks" in arguments):
        return
    if not isinstance(size, int):
        message = f"layer {quoted(layer.label)}: {layer.op.name} along {dim_text(size)} gives no fixed number of values"
        yield Diagnostic("dynamic-dim", message, layer.at, "give the input a number there, or take another dim")
        return
    count = min(-(-size // step), arguments.get("chunks", size))
    if count > _MOST_PIECES:
        wanted = f"would give {count:,} values, more than {_MOST_PIECES:,}"
        yield Diagnostic("too-large", f"layer {quoted(layer.label)}: {layer.op.name} {wanted}", layer.at)


def _broadcasting(layer: Layer, inputs: Mapping[str, TensorType]) -> Iterator[Diagnostic]:
    """Shapes that torch would stretch: refused unless the layer says that it is meant. A scalar always may."""
    shapes = {port: kind for port, kind in inputs.items() if kind.shape}
    kinds = list(shapes.values())
    if len({kind.shape for kind in kinds}) <= 1 or not _stretches(kinds):
        return
    given = " and ".join(f"({kind})" for kind in kinds)
    message = f"layer {quoted(layer.label)}: {layer.op.name} would broadcast {given}"
    yield Diagnostic("broadcast", message, layer.at, "write broadcast = true if that is meant")


def cropped(layer: Layer, inputs: Mapping[str, TensorType], arguments: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    """What has to hold of the sizes where pads below 0 cut a value, which fake kernels do not ask; and what to say."""
    kind, pads = next(iter(inputs.values()), None), arguments.get("pad", arguments.get("padding"))
    if layer.op.name not in _CUTTING or kind is None or arguments.get("mode", "constant") != "constant":
        return
    numbers = list(pads) if isinstance(pads, list | tuple) else []
    for place, (first, last) in enumerate(zip(numbers[::2], numbers[1::2], strict=False)):
        if isinstance(first, int) and isinstance(last, int) and min(first, last) < 0:
            dim = kind.shape[-1 - place]
            kept = sympy.sympify(dim) + min(first, 0) + min(last, 0)
            yield sympy.Ge(kept, 0), f"it cuts {-min(first, 0) - min(last, 0)} off the dim {dim_text(dim)}"


def put_in(layer: Layer, inputs: Mapping[str, TensorType], arguments: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    """What has to hold of the sizes so that what ``slice_scatter`` puts in is as long as its place."""
    if layer.op.name != "slice_scatter" or len(inputs) != 2:
        return
    whole, piece = inputs.values()
    dim = arguments.get("dim", 0)
    size, length = sympy.sympify(whole.shape[dim]), sympy.sympify(piece.shape[dim])
    given = (arguments.get("start"), arguments.get("end"), arguments.get("step", 1))
    start, end, step = (value.dim if isinstance(value, SizeExpr) else value for value in given)
    if not isinstance(step, int) or (step != 1 and size.free_symbols):
        return
    first, last = _place(0 if start is None else start, size), _place(size if end is None else end, size)
    if last - first == length and step == 1:
        return
    room = Max(last - first, 0) if step == 1 else sympy.Integer(-(-int(Max(last - first, 0)) // step))
    said = f"it puts {dim_text(piece.shape[dim])} values in room for {dim_text(tidy(room))}"
    yield sympy.Ge(room, length), said
    yield sympy.Le(room, length), said


def _place(place: Any, size: Any) -> Any:
    """A place along a dim of `size`; counted from its end below 0, and never outside."""
    if isinstance(place, int) and place == 0:
        return sympy.S.Zero
    if isinstance(place, int) and place < 0:
        return Max(size + place, 0)
    return size if place == size else Min(place, size)


def unequal(layer: Layer, inputs: Mapping[str, TensorType], broadcast: bool) -> list[Any]:
    """Equations between sizes that must hold, since the layer does not say that it stretches its values."""
    shapes = [kind.shape for kind in inputs.values() if kind.shape]
    if not layer.op.broadcasts or broadcast or len(set(shapes)) <= 1 or len({len(shape) for shape in shapes}) > 1:
        return []
    pairs = [pair for other in shapes[1:] for pair in zip(shapes[0], other, strict=True) if pair[0] != pair[1]]
    return [sympy.Eq(*pair) for pair in dict.fromkeys(pairs)]


def _stretches(kinds: list[TensorType]) -> bool:
    """Whether the shapes are compatible at all; if they are not, torch's own message says more."""
    longest = max(len(kind.shape) for kind in kinds)
    padded = [(1,) * (longest - len(kind.shape)) + kind.shape for kind in kinds]
    return all(len({dim for dim in dims if dim != 1}) <= 1 for dims in zip(*padded, strict=True))
