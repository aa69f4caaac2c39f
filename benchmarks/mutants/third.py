"""A third table, written before the rule was looked at again: each number, operator and attribute of other networks.

    python benchmarks/mutants/third.py [--networks decoder …] [--rows FOLDER]

What `account` sees of each change is counted; what it does not see is run. Then what harmless spellings are taken for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from changes import Change
from editing import Graph, attribute
from judging import Case, Verdict, judged_cases
from onnx import ModelProto, TensorProto
from rows import Row, judged_each

from graphspec import compiler
from graphspec.verifying.accounting import account
from graphspec.verifying.verify import Judge

HEAD = "graphspec = 1\n[inputs]\n"
NETWORKS = {
    "attention with a mask": """
x = ["N", "T", 8]
mask = { shape = ["N", "T"], dtype = "bool" }
[layers.attention]
type = "MultiheadAttention"
num_heads = 2
batch_first = true
need_weights = false
from = { query = "x", key = "x", value = "x", key_padding_mask = "mask" }
[layers.add]
type = "add"
from = ["attention", "x"]
[layers.norm]
type = "LayerNorm"
[layers.fc]
type = "Linear"
out_features = 3
""",
    "GRU in both directions": """
x = ["N", "T", 6]
[layers]
gru  = { type = "GRU", hidden_size = 5, batch_first = true, bidirectional = true, num_layers = 2 }
tanh = "Tanh"
fc   = { type = "Linear", out_features = 2 }
""",
    "decoder": """
z = ["N", 6]
[layers]
fc   = { type = "Linear", out_features = 36 }
fold = { type = "Unflatten", dim = 1, unflattened_size = [4, 3, 3] }
up1  = { type = "ConvTranspose2d", out_channels = 4, kernel_size = 3, stride = 2, padding = 1, output_padding = 1 }
norm = { type = "GroupNorm", num_groups = 2 }
elu  = "ELU"
up2  = { type = "ConvTranspose2d", out_channels = 1, kernel_size = 2, stride = 2, groups = 1 }
out  = "Sigmoid"
""",
    "ids and positions": """
ids = { shape = ["N", "T"], dtype = "int64" }
[dims]
T = { max = 16 }
[layers]
embed = { type = "Embedding", num_embeddings = 40, embedding_dim = 8 }
table = { type = "Parameter", shape = [1, 16, 8], init = "normal_" }
cut   = { type = "slice", from = "table", dim = 1, end = "${ids.shape[1]}" }
add   = { type = "add", from = ["embed", "cut"], broadcast = true }
gelu  = "GELU"
pool  = { type = "amax", dim = 1 }
fc    = { type = "Linear", out_features = 3 }
""",
    "distances": """
a = ["N", 7]
b = ["N", 7]
[layers]
sub   = { type = "sub", from = ["a", "b"] }
norm  = { type = "norm", dim = 1, keepdim = true }
near  = { type = "lt", other = 2.5 }
far   = { type = "clamp", from = "norm", max = 4.0 }
both  = { type = "where", from = ["near", "norm", "far"] }
power = { type = "pow", exponent = 3 }
fc    = { type = "Linear", out_features = 4 }
soft  = { type = "softmax", dim = 1 }
""",
}  # fmt: skip
#: Operators with another that takes and gives the same.
OTHER = {
    "Add": "Sub", "Sub": "Add", "Mul": "Div", "Div": "Mul", "Max": "Min", "Min": "Max", "Less": "LessOrEqual",
    "Greater": "GreaterOrEqual", "And": "Or", "Not": "Identity", "Tanh": "Softsign", "Sigmoid": "HardSigmoid",
    "Erf": "Tanh", "Relu": "Softplus", "Elu": "Selu", "Sqrt": "Abs", "ReduceMax": "ReduceMin", "ReduceL2": "ReduceL1",
    "ReduceMean": "ReduceMax", "Softmax": "LogSoftmax", "Pow": "PRelu",
}  # fmt: skip


#: What gives nothing beyond ±1: a bound above that changes nothing.
BOUNDED = ("Tanh", "Sigmoid", "Softmax", "Erf", "Softsign")


def built(title: str) -> compiler.Network:
    """A network with weights as after training: biases away from 0, and the weights of normalisation from 1."""
    network = compiler.load(HEAD + NETWORKS[title], seed=1)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in network.module.state_dict().values():
            if value.is_floating_point() and value.ndim == 1:
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    return network


def wrong(model: ModelProto) -> Iterator[Change]:
    """Every change."""
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            yield from _numbers(tensor.name, onnx.numpy_helper.to_array(tensor))
    for k, node in enumerate(model.graph.node):
        if other := OTHER.get(node.op_type):
            yield Change("another operator", f"{node.name}: {other}", _renamed(k, other))
        if node.op_type in ("Sub", "Div", "Less", "Greater", "Pow") and node.input[0] != node.input[1]:
            yield Change("operands exchanged", node.name, _exchanged(k, 0, 1))
        if node.op_type == "Where":
            yield Change("operands exchanged", node.name, _exchanged(k, 1, 2))
        yield from _attributes(k, node)
    kinds = {name: node.op_type for node in model.graph.node for name in node.output if node.op_type in OTHER}
    for value, kind in kinds.items():
        above = {} if kind in BOUNDED else {"only above 1e4": _above}
        for family, nodes in {**above, "only where N is 23": _at_23, "only for a NaN": _nan}.items():
            yield Change(f"a node that acts {family}", value, lambda m, v=value, n=nodes: Graph(m).behind(v, n))


def _edit(name: str, edit: Callable[[np.ndarray], None]) -> Callable[[ModelProto], object]:
    def change(model: ModelProto) -> None:
        graph = Graph(model)
        array = graph.array(name)
        edit(array)
        graph.put(name, array)

    return change


def _numbers(name: str, array: np.ndarray) -> Iterator[Change]:
    if not array.size:
        return

    def next_number(a: np.ndarray) -> None:
        a.flat[a.size // 2] = np.nextafter(a.flat[a.size // 2], np.float32(np.inf))

    def smallest(a: np.ndarray) -> None:
        k = int(np.argmin(np.abs(a)))
        a.flat[k] = -a.flat[k] if a.flat[k] else 1e-6

    yield Change("a number by one unit in the last place", name, _edit(name, next_number))
    yield Change("the sign of the smallest number", name, _edit(name, smallest))
    if array.ndim == 2 and array.shape[0] == array.shape[1] and not np.array_equal(array, array.T):
        yield Change("a square matrix turned", name, _edit(name, lambda a: a.__setitem__(slice(None), a.T.copy())))


def _renamed(k: int, other: str) -> Callable[[ModelProto], object]:
    def change(model: ModelProto) -> None:
        model.graph.node[k].op_type = other
        if other in ("HardSigmoid", "Selu"):
            del model.graph.node[k].attribute[:]

    return change


def _exchanged(k: int, i: int, j: int) -> Callable[[ModelProto], object]:
    def change(model: ModelProto) -> None:
        names = model.graph.node[k].input
        names[i], names[j] = names[j], names[i]

    return change


def _attributes(k: int, node: onnx.NodeProto) -> Iterator[Change]:
    for name in [entry.name for entry in node.attribute]:
        value = attribute(node, name)
        if isinstance(value, float):
            other: object = value * 1.01 + 1e-7
        elif name == "direction":
            other = "forward" if node.op_type == "GRU" and value != b"bidirectional" else None
        elif name in ("linear_before_reset", "largest", "select_last_index"):
            other = 1 - int(value)  # type: ignore[call-overload]
        elif name == "pads" and sum(value):  # type: ignore[call-overload]
            other = [*value[len(value) // 2 :], *value[: len(value) // 2]]  # type: ignore[index]
            other = [0, *other[1:-2], 2 * other[0], other[-1]] if other == list(value) else other  # type: ignore[misc]
        elif name == "approximate":
            other = "none" if value == b"tanh" else "tanh"
        else:
            continue
        if other is not None:
            site = f"{node.name}: {name} = {other}"
            yield Change("an attribute", site, lambda m, n=name, o=other: Graph(m).set(k, **{n: o}))


def _above(graph: Graph, inner: str, result: str) -> None:
    graph.node("Min", [inner, graph.number(1e4)], result)


def _at_23(graph: Graph, inner: str, result: str) -> None:
    size = graph.node("Gather", [graph.node("Shape", [inner]), graph.number(0, np.int64)])
    odd = graph.node("Cast", [graph.node("Equal", [size, graph.number(23, np.int64)])], to=1)
    graph.node("Add", [inner, odd], result)


def _nan(graph: Graph, inner: str, result: str) -> None:
    graph.node("Where", [graph.node("IsNaN", [inner]), graph.number(0.0), inner], result)


def harmless(model: ModelProto) -> Iterator[Change]:
    """Other spellings."""
    for k, node in enumerate(model.graph.node):
        if node.op_type in ("Add", "Mul", "Max", "Min", "And", "Or"):
            yield Change("operands in another order", node.name, _exchanged(k, 0, 1))
        if node.op_type == "Sub":
            yield Change("a − b as a + (−b)", node.name, lambda m, k=k: Graph(m).replace(k, _plus_negative))
        if node.op_type == "Where":
            yield Change("a choice turned round", node.name, lambda m, k=k: Graph(m).replace(k, _turned))
        if node.op_type in OTHER and node.op_type not in ("Less", "Greater", "And", "Not"):
            for family, nodes in {"Identity": _identity, "twice negative": _twice, "× 1": _one}.items():
                name = node.output[0]
                yield Change(f"{family} put in", name, lambda m, v=name, n=nodes: Graph(m).behind(v, n))
    for tensor in model.graph.initializer:
        yield Change("a number as a Constant", tensor.name, lambda m, n=tensor.name: _constant(m, n))


def _plus_negative(graph: Graph, node: onnx.NodeProto) -> None:
    graph.node("Add", [node.input[0], graph.node("Neg", [node.input[1]])], node.output[0])


def _turned(graph: Graph, node: onnx.NodeProto) -> None:
    condition, yes, no = node.input
    graph.node("Where", [graph.node("Not", [condition]), no, yes], node.output[0])


def _identity(graph: Graph, inner: str, result: str) -> None:
    graph.node("Identity", [inner], result)


def _twice(graph: Graph, inner: str, result: str) -> None:
    graph.node("Neg", [graph.node("Neg", [inner])], result)


def _one(graph: Graph, inner: str, result: str) -> None:
    graph.node("Mul", [inner, graph.number(1.0)], result)


def _constant(model: ModelProto, name: str) -> None:
    graph = model.graph
    k = next(k for k, tensor in enumerate(graph.initializer) if tensor.name == name)
    graph.node.insert(0, onnx.helper.make_node("Constant", [], [name], value=graph.initializer[k]))
    del graph.initializer[k]


def cases(own: Path, folder: Path) -> Iterator[Case]:
    """Changed files and other spellings."""
    model, path = onnx.load(own), folder / "changed.onnx"
    for changed, made in ((True, wrong), (False, harmless)):
        for change in made(model):
            onnx.save(change.of(model), path)
            yield changed, change.family, change.site, path


def by_accounting(judge: Judge, own: Path, path: Path) -> Verdict:
    """Refused for what differs in its text; run only where something there could not be accounted for."""
    found = account(own, path)
    if found.differences or not found.unaccounted:
        return Verdict(bool(found.differences), str(found), run=False)
    return Verdict(not judge.against(own, path).passed, str(found))


def judged(title: str) -> Row:
    """The figures of one network."""
    return judged_cases(title, built(title), cases, by_accounting)


if __name__ == "__main__":
    sys.exit(judged_each("third", __doc__, NETWORKS, judged))
