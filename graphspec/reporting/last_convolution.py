"""Where a network looks: the last convolution's activations as an output, and the graph behind them as a model.

With both the page measures HiResCAM (Draelos & Carin 2020): how the class's score changes where the activations of one
place are scaled. For a network that ends in global pooling and one Linear that is the class activation map of Zhou et
al. (2016), and Grad-CAM's; those average over the places first, which says nothing of a network that flattens them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from graphspec.exporting.pipeline_onnx import LEAVING

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

#: Behind these a picture has no places any more.
_POOLS = ("GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax")
#: What keeps an activation at its place.
_BESIDE = (
    "Add Mul BatchNormalization Relu Clip LeakyRelu Elu Selu Celu HardSwish HardSigmoid Sigmoid Tanh Gelu Mish Softplus"
).split()


@dataclasses.dataclass(frozen=True, slots=True)
class Behind:
    """``model`` has the activations ``seen`` among its outputs; ``rest`` takes them, and the values ``beside`` them
    that it needs, to the class's ``score``.
    """

    model: bytes
    rest: bytes
    seen: str
    beside: tuple[str, ...]
    score: str = LEAVING


def behind_last_convolution(content: bytes) -> Behind | None:
    """Divide the ``pipeline.onnx`` that is `content`, of a network that decides for a class; None where it has no
    convolution.
    """
    import onnx

    model = onnx.load_from_string(content)
    if not any(LEAVING in node.output for node in model.graph.node):
        return None
    seen = _seen(model.graph)
    if seen is None:
        return None
    kept, beside = _needed(model.graph, seen)
    rest = _model(model, kept, [seen, *beside])
    there = {value.name for value in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in (seen, *beside) if name not in there)
    return Behind(model.SerializeToString(), rest.SerializeToString(), seen, tuple(beside))


def _seen(graph: GraphProto) -> str | None:
    """The last convolution's activations over a picture, behind what keeps them at their place."""
    users: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    pooled, found = set[str](), None
    constants = {each.name for each in graph.initializer}
    for node in graph.node:
        inputs = [name for name in node.input if name and name not in constants]
        if node.op_type in _POOLS or (inputs and all(name in pooled for name in inputs)):
            pooled.update(node.output)
        elif node.op_type == "Conv":
            found = node.output[0]
    while found is not None and len(users.get(found, [])) == 1 and users[found][0].op_type in _BESIDE:
        found = users[found][0].output[0]
    return found if found != LEAVING else None


def _needed(graph: GraphProto, seen: str) -> tuple[list[NodeProto], list[str]]:
    """The nodes on the way from `seen` to the score, in order, and what else goes into them."""
    reached, constants = {seen}, {each.name for each in graph.initializer}
    behind = []
    for node in graph.node:
        if any(name in reached for name in node.input):
            reached.update(node.output)
            behind.append(node)
    wanted = {LEAVING}
    kept: list[NodeProto] = []
    for node in reversed(behind):
        if any(name in wanted for name in node.output):
            wanted.update(node.input)
            kept.insert(0, node)
    made = {name for node in kept for name in node.output}
    outside = dict.fromkeys(name for node in kept for name in node.input if name)
    return kept, [name for name in outside if name not in made | constants | {seen}]


def _model(model: ModelProto, nodes: list[NodeProto], inputs: list[str]) -> ModelProto:
    """`nodes` of `model` as one of its own that takes `inputs`, of any shape."""
    import onnx

    used = {name for node in nodes for name in node.input}
    kinds = _kinds(model.graph)
    graph = onnx.helper.make_graph(
        nodes,
        "behind",
        [onnx.helper.make_tensor_value_info(name, kinds[name], None) for name in inputs],
        [onnx.helper.make_tensor_value_info(LEAVING, kinds[LEAVING], None)],
        [each for each in model.graph.initializer if each.name in used],
    )
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _kinds(graph: GraphProto) -> dict[str, int]:
    """The dtype of each value as ONNX counts them. An operator gives what it takes first, but for these."""
    import onnx

    whole, truth = onnx.TensorProto.INT64, onnx.TensorProto.BOOL
    given = {"Shape": whole, "Size": whole, "ArgMax": whole, "ArgMin": whole, "NonZero": whole}
    given |= dict.fromkeys(("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Not", "IsNaN"), truth)
    kinds: dict[str, int] = {value.name: value.type.tensor_type.elem_type for value in graph.input}
    kinds |= {each.name: each.data_type for each in graph.initializer}
    for node in graph.node:
        attributes = {each.name: each for each in node.attribute}
        kind = given.get(node.op_type) or kinds.get(next(iter(node.input), ""), onnx.TensorProto.FLOAT)
        if node.op_type == "Cast":
            kind = attributes["to"].i
        elif node.op_type == "Where":
            kind = kinds.get(node.input[1], kind)
        elif node.op_type.startswith("Constant") and "value" in attributes:
            kind = attributes["value"].t.data_type
        kinds |= dict.fromkeys(node.output, kind)
    return kinds
