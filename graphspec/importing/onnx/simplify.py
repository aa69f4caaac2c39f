"""What of a graph can be known before it is run: constants are folded, branches on constants taken."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphspec.importing.forward_pass import NotRecorded
from graphspec.importing.onnx.file import Branch, Node, OnnxFile, node_of, tensor_of

#: A folded constant of more elements is left to be computed.
MOST_ELEMENTS = 50_000_000
#: They are computed anew at each run.
_RANDOM = frozenset(
    "RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli Multinomial Dropout".split()
)
#: It gives what it is given.
_NOTHING = frozenset(["Identity"])


def simplified(file: OnnxFile) -> OnnxFile:
    """`file` without constant parts, without what does nothing, and a product with a sum behind it as one node."""
    constants = dict(file.constants)
    same: dict[str, str] = {}
    kept: list[Node] = []
    waiting = list(reversed(file.nodes))
    while waiting:
        node = waiting.pop()
        node = dataclasses.replace(node, inputs=tuple(_first(name, same) for name in node.inputs))
        taken = _branch(node, constants)
        if taken is not None:
            waiting += reversed(taken)
        elif node.op in _NOTHING and not node.domain and not any(node.outputs[1:]):
            same[node.outputs[0]] = node.inputs[0]
            if node.inputs[0] in constants:
                constants[node.outputs[0]] = constants[node.inputs[0]]
        else:
            found = _folded(node, constants, file.opset)
            if found is None:
                kept.append(_opened(node, constants, same, file.opset))
            else:
                constants |= found
    outputs = [_first(name, same) for name in file.outputs]
    nodes = [_without_mask(node, kept, outputs) for node in _needed(kept, outputs)]
    nodes = list(_products(nodes, constants, outputs))
    nodes = list(_without_zeros(nodes, constants, outputs))
    aliases = dict(zip(file.outputs, outputs, strict=True))
    return dataclasses.replace(file, nodes=nodes, constants=constants, aliases=aliases)


def _first(name: str, same: Mapping[str, str]) -> str:
    while name in same:
        name = same[name]
    return name


def _branch(node: Node, constants: Mapping[str, Tensor]) -> list[Node] | None:
    """The nodes of the branch that an ``If`` on a constant takes."""
    if node.op != "If" or node.domain or node.inputs[0] not in constants:
        return None
    graph = node.attributes["then_branch" if bool(constants[node.inputs[0]].any()) else "else_branch"]
    nodes = [_constant(each) for each in graph.initializer] + [node_of(each) for each in graph.node]
    ends = zip(graph.output, node.outputs, strict=True)
    return nodes + [Node("Identity", "", "", (inner.name,), (outer,), {}, None) for inner, outer in ends]


def _opened(node: Node, constants: dict[str, Tensor], same: Mapping[str, str], opset: int) -> Node:
    """An ``If`` with its branches as nodes; the constants in them are added to `constants`."""
    if node.op != "If" or node.domain:
        return node
    attributes = {}
    for name in ("then_branch", "else_branch"):
        graph, kept = node.attributes[name], []
        constants.update({each.name: tensor_of(each) for each in graph.initializer})
        for each in map(node_of, graph.node):
            inner = dataclasses.replace(each, inputs=tuple(_first(value, same) for value in each.inputs))
            found = _folded(inner, constants, opset)
            if found is None:
                kept.append(_opened(inner, constants, same, opset))
            else:
                constants.update(found)
        attributes[name] = Branch(kept, [_first(value.name, same) for value in graph.output])
    return dataclasses.replace(node, attributes=attributes)


def _constant(proto: Any) -> Node:
    return Node("Constant", "", "", (), (proto.name,), {"value": proto}, None)


def _folded(node: Node, constants: Mapping[str, Tensor], opset: int) -> dict[str, Tensor] | None:
    """What a node of constants gives; None where it is none, or cannot be computed."""
    if node.op == "Constant" and not node.domain:
        return {node.outputs[0]: _value(node)}
    if node.domain or node.op in _RANDOM or node.proto is None or not all(n in constants for n in node.inputs if n):
        return None
    if any(hasattr(value, "node") for value in node.attributes.values()):  # it holds graphs
        return None
    return _computed(node, constants, opset)


def _value(node: Node) -> Tensor:
    """The tensor of a Constant. Raises :class:`NotRecorded` where it holds no numbers, or not one value."""
    if len(node.attributes) != 1:
        raise NotRecorded(f"{node.title} has {len(node.attributes)} values, not one")
    ((name, value),) = node.attributes.items()
    if name == "value":
        return tensor_of(value)
    if name in ("value_float", "value_floats"):
        return torch.tensor(value, dtype=torch.float32)
    if name in ("value_int", "value_ints"):
        return torch.tensor(value, dtype=torch.int64)
    raise NotRecorded(f"{node.title} is given by {name}, which holds no numbers")


def _computed(node: Node, constants: Mapping[str, Tensor], opset: int) -> dict[str, Tensor] | None:
    """By onnx's own reference implementation; None where that has none, or the result is large."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    if _elements(node, constants) > MOST_ELEMENTS:
        return None
    names = [name for name in node.inputs if name]
    proto = type(node.proto)()
    proto.CopyFrom(node.proto)
    proto.input[:] = list(node.inputs)
    graph = helper.make_graph(
        [proto], "one", [helper.make_empty_tensor_value_info(name) for name in dict.fromkeys(names)],
        [helper.make_empty_tensor_value_info(name) for name in node.outputs if name],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    try:
        with np.errstate(all="ignore"):
            feeds = {name: constants[name].numpy() for name in names}
            found = ReferenceEvaluator(model).run(None, feeds)
        wanted = [name for name in node.outputs if name]
        return {name: torch.from_numpy(np.array(value)) for name, value in zip(wanted, found, strict=True)}
    except Exception:  # what the reference raises is said by the operator itself, where it is used
        return None


def _elements(node: Node, constants: Mapping[str, Tensor]) -> float:
    """How many elements a node may give that makes more than it takes."""
    values = [constants[name] for name in node.inputs if name]
    held = sum(value.numel() for value in values)
    if node.op in ("ConstantOfShape", "Expand"):
        sizes = values[-1].double()
        return float(sizes.clamp(min=1).prod()) * max(1, held if node.op == "Expand" else 1)
    if node.op == "Tile":
        return float(values[1].double().prod()) * values[0].numel()
    if node.op == "Range":
        start, end, step = (float(value) for value in values)
        return abs((end - start) / step) if step else 0.0
    if node.op in ("Pad", "Resize", "OneHot", "Upsample", "MatMul", "Gemm", "Einsum", "Conv"):
        return float("inf") if held > 1_000_000 or node.op in ("Pad", "Resize", "OneHot", "Upsample") else held**2
    return held


def _needed(nodes: list[Node], outputs: list[str]) -> list[Node]:
    """The nodes on which an output depends."""
    wanted = set(outputs)
    kept = []
    for node in reversed(nodes):
        if wanted & set(node.outputs):
            kept.append(node)
            wanted |= {*node.inputs, *_captured(node)}
    return kept[::-1]


def _without_mask(node: Node, nodes: list[Node], outputs: list[str]) -> Node:
    """A Dropout whose mask nothing takes, without it: older exporters write it anyhow."""
    if node.kind != "Dropout" or not any(node.outputs[1:]):
        return node
    mask = node.outputs[1]
    taken = mask in outputs or any(mask in (*each.inputs, *_captured(each)) for each in nodes)
    return node if taken else dataclasses.replace(node, outputs=node.outputs[:1])


def _captured(node: Node) -> Iterator[str]:
    for value in node.attributes.values():
        if isinstance(value, Branch):
            yield from value.outputs
            for inner in value.nodes:
                yield from (*inner.inputs, *_captured(inner))


def _products(nodes: list[Node], constants: Mapping[str, Tensor], outputs: list[str]) -> Iterator[Node]:
    """``MatMul`` by a matrix and ``Add`` of a row behind it are one layer, where nothing else takes the product."""
    uses = Counter(name for node in nodes for name in (*node.inputs, *_captured(node))) + Counter(outputs)
    adds = {name: node for node in nodes if node.op == "Add" and not node.domain for name in node.inputs}
    joined: set[int] = set()
    for node in nodes:
        if id(node) in joined:
            continue
        after = adds.get(node.outputs[0])
        weight = constants.get(node.inputs[1]) if node.op == "MatMul" and not node.domain else None
        if weight is not None and after and uses[node.outputs[0]] == 1 and weight.dim() == 2:
            row = next((name for name in after.inputs if name != node.outputs[0]), "")
            bias = constants.get(row)
            if bias is not None and tuple(bias.shape) == (weight.shape[1],):
                joined.add(id(after))
                yield dataclasses.replace(node, inputs=(*node.inputs, row), outputs=after.outputs)
                continue
        yield node


def _without_zeros(nodes: list[Node], constants: Mapping[str, Tensor], outputs: list[str]) -> Iterator[Node]:
    """A bias of zeros before a normalisation is none: exporters write it for convolutions without one."""
    takers: dict[str, list[str]] = {}
    for node in nodes:
        for name in (*node.inputs, *_captured(node)):
            takers.setdefault(name, []).append(node.kind)
    for node in nodes:
        bias = constants.get(node.inputs[2]) if node.kind == "Conv" and len(node.inputs) > 2 else None
        before = takers.get(node.outputs[0]) == ["BatchNormalization"] and node.outputs[0] not in outputs
        if bias is not None and before and not bool(bias.any()):
            node = dataclasses.replace(node, inputs=node.inputs[:2])
        yield node
