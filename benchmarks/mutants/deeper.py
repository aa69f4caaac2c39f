"""More changes that drawn inputs hardly show, in the midst of larger networks.

Written before anybody had looked how `verify` accounts for files: rows, weights, units that are off, bounds,
attributes, whole numbers, recurrent layers, nodes that act in one case, control flow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from changes import Change
from editing import Graph, Nodes, attribute
from onnx import ModelProto, TensorProto, helper

Found = Iterator[Change]


def deeper(model: ModelProto) -> Found:
    """Every change of every family that the model has a place for."""
    for family in (_tables, _weights, _off, _missing, _whole_numbers, _attributes, _bounds, _recurrent, _acting, _flow):
        yield from family(model)


def _change(family: str, site: str, edit: Callable[[Graph], None]) -> Change:
    return Change(family, site, lambda model: edit(Graph(model)))


def _floats(model: ModelProto) -> list[tuple[str, np.ndarray]]:
    graph = Graph(model)
    return [(t.name, graph.array(t.name)) for t in model.graph.initializer if t.data_type == TensorProto.FLOAT]


def _with(name: str, edit: Callable[[np.ndarray], None]) -> Callable[[Graph], None]:
    def put(graph: Graph) -> None:
        array = graph.array(name)
        edit(array)
        graph.put(name, array)

    return put


# --- numbers ---------------------------------------------------------------------------------------------------------


def _tables(model: ModelProto) -> Found:
    """Rows of what a Gather reads."""
    tables = {node.input[0] for node in model.graph.node if node.op_type == "Gather"}
    for name, array in _floats(model):
        if name in tables and array.ndim == 2:
            last = len(array) - 1

            def exchange(a: np.ndarray, last: int = last) -> None:
                a[[last - 1, last]] = a[[last, last - 1]]

            def number(a: np.ndarray, last: int = last) -> None:
                a[last // 2, 0] *= 1.0001

            def zero(a: np.ndarray, last: int = last) -> None:
                a[last - 3] = 0

            for text, edit in (("two rows exchanged", exchange), ("a number × 1.0001", number), ("a row of 0", zero)):
                yield _change("row of a table", f"{name}: {text}", _with(name, edit))


def _weights(model: ModelProto) -> Found:
    """One number of a tensor, the last and the greatest, by very little; what was 0; two numbers exchanged."""
    for name, array in _floats(model):
        if array.size < 4:
            continue
        for place in dict.fromkeys((array.size - 1, int(np.abs(array).argmax()))):
            if array.flat[place]:
                for factor in (1.01, 0.9999):

                    def scale(a: np.ndarray, place: int = place, factor: float = factor) -> None:
                        a.flat[place] *= factor

                    yield _change(f"one weight × {factor}", f"{name}.flat[{place}]", _with(name, scale))
        if len(np.unique(array.flat[:2])) == 2 and array.ndim == 1:

            def exchange(a: np.ndarray) -> None:
                a[[0, 1]] = a[[1, 0]]

            yield _change("numbers exchanged", name, _with(name, exchange))


def _off(model: ModelProto) -> Found:
    """What goes into, and out of, channels that a bias of −1000 holds off."""
    for name, array in _floats(model):
        if array.ndim == 1 and (array < -900).any():
            unit = int((array < -900).argmax())

            def bias(a: np.ndarray, unit: int = unit) -> None:
                a[unit] = -900.0

            yield _change("unit that is off", f"{name}[{unit}]", _with(name, bias))
            layer = name.rpartition(".")[0]
            names = [other for other, _ in _floats(model)]
            into = f"{layer}.weight"
            if into in names:

                def weight(a: np.ndarray, unit: int = unit) -> None:
                    a[unit].flat[0] *= 1.01

                yield _change("unit that is off", f"{into}[{unit}]", _with(into, weight))
            following = [n for n, a in _floats(model) if a.ndim > 1 and a.shape[1] == len(array) and n != into]
            for out in following[:1]:

                def column(a: np.ndarray, unit: int = unit) -> None:
                    a[:, unit] += 0.01

                yield _change("unit that is off", f"{out}[:, {unit}]", _with(out, column))


def _missing(model: ModelProto) -> Found:
    """A bias left out, two equal tensors exchanged."""
    graph = Graph(model)
    for k, node in enumerate(model.graph.node):
        readers = {reader.op_type for reader in model.graph.node if node.output[0] in reader.input}
        biased = node.op_type in ("Gemm", "Conv", "ConvTranspose") and len(node.input) == 3
        if not biased or readers == {"InstanceNormalization"}:  # that takes away what a bias adds
            continue
        if graph.has(node.input[2]) and np.abs(graph.array(node.input[2])).max() > 1e-3:
            yield _change("a bias left out", node.name, lambda g, k=k: g.graph.node[k].input.pop())
    shapes: dict[tuple[int, ...], str] = {}
    for name, array in _floats(model):
        other = shapes.setdefault(array.shape, name)
        if other != name and array.size > 3 and not np.array_equal(graph.array(other), array):

            def exchange(g: Graph, one: str = name, two: str = other) -> None:
                a, b = g.array(one), g.array(two)
                g.put(one, b), g.put(two, a)

            yield _change("tensors exchanged", f"{name}, {other}", exchange)


def _whole_numbers(model: ModelProto) -> Found:
    """Ends, starts, shapes, axes, indices: whole numbers that a node reads."""
    graph = Graph(model)
    for k, node in enumerate(model.graph.node):
        for place, name in enumerate(node.input):
            if not name or not graph.has(name) or graph.tensor(name).data_type != TensorProto.INT64:
                continue
            array = graph.array(name)
            what = f"{node.name}: {node.op_type} input {place} = {array.tolist()}"

            def put(g: Graph, k: int = k, place: int = place, value: object = None) -> None:
                g.graph.node[k].input[place] = g.number(value, np.int64)

            if node.op_type == "Slice" and place == 2 and array.max() > 1000:
                put_end = lambda g, put=put, a=array: put(g, value=np.full_like(a, 64))  # noqa: E731
                yield _change("a slice's end", what, put_end)
            elif node.op_type == "Gather" and place == 1 and array.size == 1:
                yield _change("an index", what, lambda g, put=put, a=array: put(g, value=-1 if a != -1 else 0))
            elif node.op_type == "Reshape" and place == 1 and (array == -1).any() and (array == 0).any():
                sized = np.where(array == 0, 3, array)
                yield _change("a shape", what, lambda g, put=put, value=sized: put(g, value=value))


# --- attributes and bounds -------------------------------------------------------------------------------------------

_OTHER: dict[str, dict[str, object]] = {
    "Conv": {"dilations": [2, 2]},
    "MaxPool": {"ceil_mode": 1},
    "AveragePool": {"ceil_mode": 1},
    "Resize": {"nearest_mode": "ceil", "cubic_coeff_a": -0.5, "coordinate_transformation_mode": "align_corners"},
    "HardSigmoid": {"alpha": 0.2},
    "Softmax": {"axis": 0},
    "LayerNormalization": {"epsilon": 2e-5},
    "BatchNormalization": {"epsilon": 2e-5},
    "InstanceNormalization": {"epsilon": 2e-5},
    "GroupNormalization": {"epsilon": 2e-5},
    "Elu": {"alpha": 0.999},
    "Selu": {"alpha": 1.67},
    "Gelu": {"approximate": "tanh"},
    "Cast": {"to": TensorProto.FLOAT16},
    "ArgMax": {"select_last_index": 1},
    "Concat": {"axis": 0},
}


def _attributes(model: ModelProto) -> Found:
    for k, node in enumerate(model.graph.node):
        for name, value in _OTHER.get(node.op_type, {}).items():
            present = attribute(node, name)
            present = present.decode() if isinstance(present, bytes) else present
            if present == value or (node.op_type == "Cast" and present != TensorProto.FLOAT):
                continue
            if name == "dilations" and len(attribute(node, "kernel_shape", [1])) != 2:
                continue
            site = f"{node.name}: {name} {present} → {value}"
            yield _change("an attribute", site, lambda g, k=k, n=name, v=value: g.set(k, **{n: v}))
    for k, node in enumerate(model.graph.node):
        if node.op_type == "Relu":
            yield _change("a slope for ReLU", f"{node.name}: Selu-like", lambda g, k=k: _other_op(g, k, "Celu"))
            yield _change("a slope for ReLU", f"{node.name}: PRelu", _prelu(k, 1e-7))
            yield _change("a slope for ReLU", f"{node.name}: Max of x and x × 1e-9", _leaky_max(k))
            yield _change("a bound more", f"{node.name}: Clip 0 to 1e5", _clipped(k, 1e5))
            threshold = lambda g, k=k: _other_op(g, k, "ThresholdedRelu", alpha=1e-12)  # noqa: E731
            yield _change("a bound more", f"{node.name}: above −1e-12", threshold)


def _other_op(graph: Graph, k: int, op: str, **attributes: object) -> None:
    graph.graph.node[k].op_type = op
    graph.set(k, **attributes)


def _prelu(k: int, slope: float) -> Callable[[Graph], None]:
    def nodes(graph: Graph, node: object) -> None:
        graph.node("PRelu", [node.input[0], graph.number([slope])], node.output[0])

    return lambda graph: graph.replace(k, nodes)


def _leaky_max(k: int) -> Callable[[Graph], None]:
    def nodes(graph: Graph, node: object) -> None:
        small = graph.node("Mul", [node.input[0], graph.number(1e-9)])
        graph.node("Max", [node.input[0], small], node.output[0])

    return lambda graph: graph.replace(k, nodes)


def _clipped(k: int, bound: float) -> Callable[[Graph], None]:
    def nodes(graph: Graph, node: object) -> None:
        graph.node("Clip", [node.input[0], graph.number(0.0), graph.number(bound)], node.output[0])

    return lambda graph: graph.replace(k, nodes)


def _bounds(model: ModelProto) -> Found:
    """The bounds of Clip, Min, Max and comparisons, wherever they are numbers; a bound for one side only."""
    graph = Graph(model)
    for k, node in enumerate(model.graph.node):
        if node.op_type in ("Clip", "Min", "Max", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"):
            for place, name in enumerate(node.input):
                if name and graph.has(name) and graph.tensor(name).data_type == TensorProto.FLOAT:
                    array = graph.array(name)
                    for value in (array * 1.001 + 1e-4, array + 100):

                        def put(g: Graph, k: int = k, place: int = place, value: np.ndarray = value) -> None:
                            g.graph.node[k].input[place] = g.number(value)

                        yield _change("another bound", f"{node.name}: {op_text(node, place)} = {value}", put)
        if node.op_type == "Clip" and len(node.input) == 3:
            yield _change("a bound less", f"{node.name}: no upper", lambda g, k=k: g.graph.node[k].input.pop())

            def no_lower(g: Graph, k: int = k) -> None:
                g.graph.node[k].input[1] = ""

            yield _change("a bound less", f"{node.name}: no lower", no_lower)
            yield _change("another bound", f"{node.name}: grows with the size", lambda g, k=k: _growing(g, k))


def _growing(graph: Graph, k: int) -> None:
    """The upper bound of a Clip grows with what a value has more than a million numbers."""
    node = graph.graph.node[k]
    count = graph.node("Cast", [graph.node("Size", [node.input[0]])], to=TensorProto.FLOAT)
    more = graph.node("Relu", [graph.node("Sub", [count, graph.number(1e6)])])
    node.input[2] = graph.node("Add", [node.input[2], more])
    graph.place(k)


def op_text(node: object, place: int) -> str:
    """A node's input, for people."""
    return f"{node.op_type} input {place}"


def _recurrent(model: ModelProto) -> Found:
    for k, node in enumerate(model.graph.node):
        if node.op_type not in ("LSTM", "GRU", "RNN"):
            continue
        ways = 2 if attribute(node, "direction", b"forward") == b"bidirectional" else 1
        names = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}[node.op_type]
        hard = ["HardSigmoid", *names[1:]] if len(names) > 1 else ["Relu"]
        yield _change("clip of a recurrent layer", node.name, lambda g, k=k: g.set(k, clip=100.0))
        yield _change("activations", node.name, lambda g, k=k, a=hard * ways: g.set(k, activations=a))
        if node.op_type == "LSTM":
            yield _change("input_forget", node.name, lambda g, k=k: g.set(k, input_forget=1))
        if node.op_type == "GRU":
            yield _change("linear_before_reset", node.name, lambda g, k=k: g.set(k, linear_before_reset=0))

        def lengths(g: Graph, k: int = k) -> None:
            node = g.graph.node[k]
            shape = g.node("Shape", [node.input[0]])
            steps = g.node("Gather", [shape, g.number([0], np.int64)])
            batch = g.node("Gather", [shape, g.number([1], np.int64)])
            fewer = g.node("Min", [steps, g.number([40], np.int64)])
            length = g.node("Cast", [g.node("Expand", [fewer, batch])], to=TensorProto.INT32)
            while len(node.input) < 5:
                node.input.append("")
            node.input[4] = length
            g.place(k)

        yield _change("steps beyond the 40th left out", node.name, lengths)


# --- nodes that act in one case --------------------------------------------------------------------------------------


def _values(model: ModelProto) -> list[str]:
    """Float values in the midst of the graph: what Conv, Gemm, MatMul, Add and normalisations give."""
    ops = ("Conv", "Gemm", "MatMul", "Add", "BatchNormalization", "LayerNormalization", "Gather")
    whole = {t.name for t in model.graph.initializer if t.data_type != TensorProto.FLOAT}
    whole |= {o for n in model.graph.node if n.op_type in ("Shape", "Size") for o in n.output}
    found = []
    for node in model.graph.node:
        if any(name in whole for name in node.input[:1]) or (node.op_type in ("Add",) and set(node.input) & whole):
            whole |= set(node.output)
        elif node.op_type in ops and not (node.op_type == "Add" and set(node.input) & whole):
            found.append(node.output[0])
    return found[:: max(1, len(found) // 2)][:2]


def _where(condition: Callable[[Graph, str], str], other: Callable[[Graph, str], str]) -> Nodes:
    def nodes(graph: Graph, value: str, result: str) -> None:
        graph.node("Where", [condition(graph, value), other(graph, value), value], result)

    return nodes


def _size(axis: int, op: str, number: int) -> Callable[[Graph, str], str]:
    def condition(graph: Graph, value: str) -> str:
        one = graph.node("Gather", [graph.node("Shape", [value]), graph.number(axis, np.int64)])
        return graph.node(op, [one, graph.number(number, np.int64)])

    return condition


def _than(op: str, number: float) -> Callable[[Graph, str], str]:
    return lambda graph, value: graph.node(op, [value, graph.number(number)])


def _scaled(factor: float) -> Callable[[Graph, str], str]:
    return lambda graph, value: graph.node("Mul", [value, graph.number(factor)])


def _sum_above(number: float) -> Callable[[Graph, str], str]:
    def condition(graph: Graph, value: str) -> str:
        total = graph.node("ReduceMax", [value], keepdims=0)
        return graph.node("Greater", [total, graph.number(number)])

    return condition


def _kink(graph: Graph, value: str, result: str) -> None:
    beyond = graph.node("Relu", [graph.node("Sub", [value, graph.number(123.0)])])
    graph.node("Sub", [value, graph.node("Mul", [beyond, graph.number(0.01)])], result)


def _rounded(graph: Graph, value: str, result: str) -> None:
    low = graph.node("Cast", [value], to=TensorProto.FLOAT16)
    graph.node("Cast", [low], result, to=TensorProto.FLOAT)


def _bounded(graph: Graph, value: str, result: str) -> None:
    graph.node("Min", [value, graph.number(65504.0)], result)


def _no_nan(graph: Graph, value: str, result: str) -> None:
    bad = graph.node("IsInf", [value])
    graph.node("Where", [bad, graph.number(0.0), value], result)


def _tiny(graph: Graph, value: str, result: str) -> None:
    small = graph.node("Less", [graph.node("Abs", [value]), graph.number(1e-12)])
    graph.node("Where", [small, graph.number(1.0), value], result)


_ACTING: list[tuple[str, str, Nodes]] = [
    ("acts at one size", "first dim = 17", _where(_size(0, "Equal", 17), _scaled(1.02))),
    ("acts above a size", "first dim > 33", _where(_size(0, "Greater", 33), _scaled(0.5))),
    ("acts at one size", "last dim but one = 23", _where(_size(-2, "Equal", 23), _scaled(1.02))),
    ("acts above a magnitude", "greatest > 777", _where(_sum_above(777.0), _scaled(0.9))),
    ("acts above a magnitude", "> 3e8", _where(_than("Greater", 3e8), _scaled(0.9))),
    ("acts above a magnitude", "a kink at 123", _kink),
    ("acts above a magnitude", "at most 65504", _bounded),
    ("acts for a sign", "below −88", _where(_than("Less", -88.0), _scaled(1.01))),
    ("acts for next to nothing", "below 1e-12", _tiny),
    ("acts for NaN", "0 for what is infinite", _no_nan),
    ("acts for NaN", "0 for NaN", _where(lambda g, v: g.node("IsNaN", [v]), lambda g, v: g.number(0.0))),
    ("rounded", "by way of fp16", _rounded),
]


def _acting(model: ModelProto) -> Found:
    for value in _values(model):
        for family, what, nodes in _ACTING:
            yield _change(family, f"{value}: {what}", lambda g, v=value, n=nodes: g.behind(v, n))
    for value in model.graph.input:
        if value.type.tensor_type.elem_type == TensorProto.INT64:
            name = value.name

            def modulo(graph: Graph, value: str, result: str) -> None:
                graph.node("Mod", [value, graph.number(2000, np.int64)], result)

            def least(graph: Graph, value: str, result: str) -> None:
                graph.node("Min", [value, graph.number(1999, np.int64)], result)

            def one(graph: Graph, value: str, result: str) -> None:
                same = graph.node("Equal", [value, graph.number(2345, np.int64)])
                graph.node("Where", [same, graph.number(2, np.int64), value], result)

            for what, nodes in (("mod 2000", modulo), ("at most 1999", least), ("2345 is 2", one)):
                yield _change("acts for an id", f"{name}: {what}", lambda g, v=name, n=nodes: g.behind(v, n))


# --- control flow and functions --------------------------------------------------------------------------------------


def _branch(name: str, value: str, factor: float) -> object:
    constant = helper.make_node("Constant", [], [f"{name}_k"], value_float=factor)
    node = helper.make_node("Mul", [value, f"{name}_k"], [f"{name}_y"])
    info = helper.make_value_info(f"{name}_y", helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    return helper.make_graph([constant, node], name, [], [info])


def _if(graph: Graph, value: str, result: str) -> None:
    size = graph.node("Size", [value])
    large = graph.node("Greater", [size, graph.number(100_000, np.int64)])
    graph.node("If", [large], result, then_branch=_branch("then", value, 1.05), else_branch=_branch("else", value, 1.0))


def _loop(graph: Graph, value: str, result: str) -> None:
    """× 1.001 as many times as the input has thousands of numbers."""
    size = graph.node("Div", [graph.node("Size", [value]), graph.number(50_000, np.int64)])
    infos = [
        helper.make_tensor_value_info("i", TensorProto.INT64, []),
        helper.make_tensor_value_info("c", TensorProto.BOOL, []),
        helper.make_value_info("v", helper.make_tensor_type_proto(TensorProto.FLOAT, None)),
    ]
    nodes = [
        helper.make_node("Constant", [], ["f"], value_float=1.001),
        helper.make_node("Mul", ["v", "f"], ["w"]),
        helper.make_node("Identity", ["c"], ["d"]),
    ]
    ends = [
        helper.make_tensor_value_info("d", TensorProto.BOOL, []),
        helper.make_value_info("w", helper.make_tensor_type_proto(TensorProto.FLOAT, None)),
    ]
    body = helper.make_graph(nodes, "body", infos, ends)
    graph.node("Loop", [size, "", value], result, body=body)


def _function(graph: Graph, value: str, result: str) -> None:
    """A function of a domain of its own, that bends above 500."""
    nodes = [
        helper.make_node("Constant", [], ["k"], value_float=500.0),
        helper.make_node("Min", ["x", "k"], ["y"]),
    ]
    opset = helper.make_opsetid("", 20)
    graph.model.functions.append(helper.make_function("mine", "Pass", ["x"], ["y"], nodes, [opset]))
    graph.model.opset_import.append(helper.make_opsetid("mine", 1))
    graph.node("Pass", [value], result, domain="mine")


def _training_dropout(graph: Graph, value: str, result: str) -> None:
    yes = graph.number(True, np.bool_)
    graph.node("Dropout", [value, graph.number(1e-6), yes], result)


def _flow(model: ModelProto) -> Found:
    for value in _values(model)[:1]:
        for what, nodes in (
            ("If for large values", _if),
            ("Loop", _loop),
            ("function", _function),
            ("Dropout that drops one of a million", _training_dropout),
        ):
            yield _change("control flow", f"{value}: {what}", lambda g, v=value, n=nodes: g.behind(v, n))
    outputs = model.graph.output
    if len(outputs) > 1:

        def exchange(graph: Graph) -> None:
            one, two = (output.name for output in graph.graph.output[:2])
            names = {one: two, two: one}
            for node in graph.graph.node:
                for values in (node.input, node.output):
                    for k, name in enumerate(values):
                        values[k] = names.get(name, name)

        yield _change("outputs exchanged", outputs[0].name, exchange)
    reads = {v.name: str(v.type.tensor_type) for v in model.graph.input}
    alike = [name for name in reads if list(reads.values()).count(reads[name]) > 1]
    if len(alike) > 1:

        def cross(graph: Graph) -> None:
            names = {alike[0]: alike[1], alike[1]: alike[0]}
            for node in graph.graph.node:
                for k, name in enumerate(node.input):
                    node.input[k] = names.get(name, name)

        yield _change("inputs exchanged", alike[0], cross)
