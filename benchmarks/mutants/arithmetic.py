"""Changes that act in one case, written in the arithmetic that converters use: sums, products, sizes, tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import onnx
from changes import Change
from editing import Graph, Nodes
from onnx import ModelProto, NodeProto, TensorProto

#: Operators behind whose values nodes are put in.
SITES = ("Gemm", "Conv", "ConvTranspose", "Add", "Softmax", "LayerNormalization", "Sigmoid", "Exp", "Relu")


def arithmetic(model: ModelProto) -> Iterator[Change]:
    """Every change."""
    widths = _widths(model)
    for value, width in list(widths.items())[:: max(1, len(widths) // 3)][:3]:
        for family, nodes in _put_in(width).items():
            yield Change(family, value, lambda m, v=value, n=nodes: Graph(m).behind(v, n))
    for k, node in enumerate(model.graph.node):
        for family, site, edit in _of_node(model, k, node):
            yield Change(family, site, lambda m, e=edit: e(Graph(m)))


def _widths(model: ModelProto) -> dict[str, tuple[int, ...]]:
    """Values of floats with known channels, and the shape by which numbers of each channel are put beside them."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    kinds = {v.name: v.type.tensor_type for v in [*inferred.value_info, *inferred.output]}
    found = {}
    for node in model.graph.node:
        kind = kinds.get(node.output[0]) if node.op_type in SITES else None
        if kind is None or kind.elem_type != TensorProto.FLOAT:
            continue
        sizes = [dim.dim_value for dim in kind.shape.dim]
        if len(sizes) == 4 and sizes[1]:
            found[node.output[0]] = (sizes[1], 1, 1)
        elif len(sizes) < 4 and sizes[-1]:
            found[node.output[0]] = (sizes[-1],)
    return found


# --- nodes of plain arithmetic that act in one case ------------------------------------------------------------------


def _put_in(width: tuple[int, ...]) -> dict[str, Nodes]:
    each = np.ones(width, np.float32)
    return {
        "sizes counted: acts above 64": _sized(_above),
        "sizes counted: acts at 23": _sized(_at),
        "a step far away, channel by channel": _step(each * 3e4),
        "a step far away, in one channel": _step(np.where(np.arange(each.size).reshape(width) == 0, 3e4, 1e30)),
        "a cube, channel by channel": _cube(each * 1e-14),
        "a bound by the greatest of two": _greatest,
        "a sum over all": _sum_of_cubes,
        "repeated above 64": _tiled,
    }


def _count(graph: Graph, value: str) -> str:
    """The first size of `value` as a float, made of ones."""
    first = graph.node("Shape", [value], end=1)
    ones = graph.node("ConstantOfShape", [first], value=onnx.numpy_helper.from_array(np.ones(1, np.float32)))
    return graph.node("ReduceSum", [ones], keepdims=1)


def _sized(of: Callable[[Graph, str], str]) -> Nodes:
    def nodes(graph: Graph, value: str, result: str) -> None:
        both = graph.node("Concat", [of(graph, _count(graph, value)), graph.number([0.0])], axis=0)
        over = graph.node("ReduceMax", [both, graph.number([0], np.int64)], keepdims=1)
        graph.node("Add", [value, over], result)

    return nodes


def _above(graph: Graph, count: str) -> str:
    return graph.node("Sub", [count, graph.number([64.0])])


def _at(graph: Graph, count: str) -> str:
    off = graph.node("Sub", [count, graph.number([23.0])])
    return graph.node("Sub", [graph.number([1.0]), graph.node("Mul", [off, off])])


def _step(places: np.ndarray) -> Nodes:
    def nodes(graph: Graph, value: str, result: str) -> None:
        gate = graph.node("Sigmoid", [graph.node("Sub", [value, graph.number(places)])])
        graph.node("Add", [value, graph.node("Mul", [gate, graph.number(1e3)])], result)

    return nodes


def _cube(factors: np.ndarray) -> Nodes:
    def nodes(graph: Graph, value: str, result: str) -> None:
        cube = graph.node("Mul", [value, graph.node("Mul", [value, value])])
        graph.node("Add", [value, graph.node("Mul", [cube, graph.number(factors)])], result)

    return nodes


def _greatest(graph: Graph, value: str, result: str) -> None:
    low = graph.node("Add", [graph.node("Mul", [value, graph.number(0.0)]), graph.number(-3e4)])
    first = graph.number([0], np.int64)
    pair = graph.node("Concat", [graph.node("Unsqueeze", [name, first]) for name in (value, low)], axis=0)
    graph.node("ReduceMax", [pair, first], result, keepdims=0)


def _sum_of_cubes(graph: Graph, value: str, result: str) -> None:
    cube = graph.node("Mul", [value, graph.node("Mul", [value, value])])
    total = graph.node("ReduceSum", [cube, graph.number([-1], np.int64)], keepdims=1)
    graph.node("Add", [value, graph.node("Mul", [total, graph.number(1e-15)])], result)


def _tiled(graph: Graph, value: str, result: str) -> None:
    sizes = graph.node("Shape", [value])
    first = graph.node("Shape", [value], end=1)
    parts = graph.node("Div", [first, graph.number([64], np.int64)])
    ones = graph.node("Div", [sizes, sizes])  # no dim is 0
    rest = graph.node("Slice", [ones, graph.number([1], np.int64), graph.number([1 << 40], np.int64)])
    times = graph.node("Concat", [graph.node("Add", [parts, graph.number([1], np.int64)]), rest], axis=0)
    graph.node("Tile", [value, times], result)


# --- nodes changed ---------------------------------------------------------------------------------------------------

Edits = Iterator[tuple[str, str, Callable[[Graph], None]]]


def _of_node(model: ModelProto, k: int, node: NodeProto) -> Edits:
    graph = Graph(model)
    numbers = [name for name in node.input if name and graph.has(name)]
    if node.op_type == "Gather" and len(numbers) == 1 and graph.has(node.input[1]):
        yield "an index that sizes move", node.name, lambda g: _index(g, k)
    if node.op_type == "Gather" and graph.has(node.input[0]) and not graph.has(node.input[1]):
        yield "an id that is another from 47 on", node.name, lambda g: _id(g, k)
        yield "an id that is another by a table", node.name, lambda g: _id_by_table(g, k)
        yield "a row of 0 that is not", node.name, lambda g: _row(g, node.input[0])
    if node.op_type == "Reshape" and not graph.has(node.input[1]):
        yield "a shape that sizes change", node.name, lambda g: _shape(g, k)
        yield "a shape by a table of sizes", node.name, lambda g: _shape_by_table(g, k)
    if node.op_type == "LessOrEqual":
        yield "a mask that closes beyond 64", node.name, lambda g: _mask(g, k)
    if node.op_type in ("RNN", "LSTM"):
        yield "a state that is not 0", node.name, lambda g: _state(g, k)
        yield (
            "activations",
            node.name,
            lambda g: g.set(k, activations=["Softsign"] * (1 + 2 * (node.op_type == "LSTM"))),
        )
        yield "another clip", node.name, lambda g: g.set(k, clip=500.0)
    if node.op_type == "Concat" and len(node.input) == 2 and not numbers:
        yield "a skip of another value", node.name, lambda g: _skip(g, k)
    if node.op_type == "ArgMax":
        if _source(graph, node.input[0]).op_type != "Cast":  # of truth values nothing saturates
            yield "the greatest of what saturates", node.name, lambda g: _before(g, k)
        yield "the last of the greatest", node.name, lambda g: g.set(k, select_last_index=1)
    if node.op_type == "Softmax":
        yield "a softmax with a floor", node.name, lambda g: g.behind(node.output[0], _floor)
    biased = node.op_type in ("Conv", "ConvTranspose", "Gemm") and len(node.input) > 2
    if biased and graph.array(node.input[2]).any():
        yield "a bias by two units in the last place", node.name, lambda g: _bias(g, node.input[2])


def _step_of_size(graph: Graph, value: str, axis: int) -> str:
    """1 from 64 on, in whole numbers of one dim."""
    size = graph.node("Shape", [value], start=axis, end=axis + 1)
    return graph.node("Div", [size, graph.number([64], np.int64)])


def _index(graph: Graph, k: int) -> None:
    node = graph.graph.node[k]
    index = graph.array(node.input[1])
    shape = graph.number(index.shape, np.int64)
    step = graph.node("Reshape", [_step_of_size(graph, node.input[0], 0), shape])
    node.input[1] = graph.node("Sub", [node.input[1], step])
    graph.place(k)


def _id(graph: Graph, k: int) -> None:
    node = graph.graph.node[k]
    step = graph.node("Div", [node.input[1], graph.number(47, np.int64)])
    more = graph.node("Div", [step, graph.number(40, np.int64)])
    node.input[1] = graph.node("Sub", [node.input[1], more])
    graph.place(k)


def _row(graph: Graph, table: str) -> None:
    array = graph.array(table)
    array[0, 0] += 1e-6
    graph.put(table, array)


def _bias(graph: Graph, name: str) -> None:
    graph.put(name, graph.array(name) * np.float32(1 + 2.0**-22))


def _id_by_table(graph: Graph, k: int) -> None:
    """One id is another, by a table of all."""
    node = graph.graph.node[k]
    ids = np.arange(len(graph.array(node.input[0])))
    ids[-2] = ids[-1]
    node.input[1] = graph.node("Gather", [graph.number(ids, np.int64), node.input[1]])
    graph.place(k)


def _shape_by_table(graph: Graph, k: int) -> None:
    """At 64 the first size is half of that, by a table of all sizes."""
    node = graph.graph.node[k]
    parts = len(next(n for n in graph.graph.node if node.input[1] in n.output).input)
    table = np.arange(1 << 16)
    table[64] = 32
    first = graph.node("Gather", [node.input[1], graph.number([0], np.int64)])
    rest = graph.node("Gather", [node.input[1], graph.number(np.arange(1, parts), np.int64)])
    changed = graph.node("Gather", [graph.number(table, np.int64), first])
    node.input[1] = graph.node("Concat", [changed, rest], axis=0)
    graph.place(k)


def _shape(graph: Graph, k: int) -> None:
    node = graph.graph.node[k]
    step = _step_of_size(graph, node.input[0], 0)
    whole = graph.node("Add", [step, graph.number([1], np.int64)])
    node.input[1] = graph.node("Div", [node.input[1], whole])
    graph.place(k)


def _mask(graph: Graph, k: int) -> None:
    node = graph.graph.node[k]
    kind = graph.number(64, np.int64)
    node.input[1] = graph.node("Sub", [node.input[1], graph.node("Div", [node.input[1], kind])])
    graph.place(k)


def _state(graph: Graph, k: int) -> None:
    node = graph.graph.node[k]
    node.input[5] = graph.node("Add", [node.input[5], graph.number(1e-8)])
    graph.place(k)


def _skip(graph: Graph, k: int) -> None:
    node = graph.graph.node[k]
    node.input[1] = graph.node("Add", [node.input[1], graph.node("Mul", [node.input[1], graph.number([3e-6])])])
    graph.place(k)


def _before(graph: Graph, k: int) -> None:
    node = graph.graph.node[k]
    node.input[0] = _source(graph, node.input[0]).input[0]


def _source(graph: Graph, value: str) -> NodeProto:
    return next(node for node in graph.graph.node if value in node.output)


def _floor(graph: Graph, value: str, result: str) -> None:
    graph.node("Add", [value, graph.number(1e-9)], result)
