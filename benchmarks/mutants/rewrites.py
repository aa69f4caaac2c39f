"""More changes that mean nothing: other spellings of the same function, and files of further tools.

Written before anybody had looked how `verify` accounts for files. An edit that finds no place in a model raises
`NoPlace`; those that only round differently are among them, since tools make them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
from changes import Change
from editing import Graph, Nodes, attribute
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Edit = Callable[[Graph], None]


class NoPlace(Exception):
    """A model has nothing that could be written so."""


def rewrites(model: ModelProto) -> Iterator[Change]:
    """Every one that the model has a place for."""
    for name, edit in EDITS.items():
        change = Change(name, "", lambda m, edit=edit: edit(Graph(m)))
        try:
            change.of(model)
        except (NoPlace, StopIteration):
            continue
        yield change


def _nodes(graph: Graph, *ops: str) -> list[int]:
    found = [k for k, node in enumerate(graph.graph.node) if node.op_type in ops]
    if not found:
        raise NoPlace
    return found


def _each(ops: tuple[str, ...], write: Callable[[Graph, NodeProto], bool | None]) -> Edit:
    """`write` in the place of every node of `ops`; where it gives False the node stays."""

    def edit(graph: Graph) -> None:
        done = False
        for k in reversed(_nodes(graph, *ops)):

            def nodes(g: Graph, node: NodeProto) -> None:
                nonlocal done
                if write(g, node) is False:
                    g._made.append(node)
                else:
                    done = True

            graph.replace(k, nodes)
        if not done:
            raise NoPlace

    return edit


def _float_weights(graph: Graph, least: int = 2) -> list[str]:
    return [t.name for t in graph.graph.initializer if t.data_type == TensorProto.FLOAT and len(t.dims) >= least]


# --- how numbers are stored ------------------------------------------------------------------------------------------


def _float_constants(graph: Graph) -> None:
    """Vectors as value_floats, scalars as value_float, whole numbers as value_ints."""
    made = []
    for tensor in list(graph.graph.initializer):
        array = numpy_helper.to_array(tensor)
        kinds = {(TensorProto.FLOAT, 1): "value_floats", (TensorProto.INT64, 1): "value_ints"}
        kinds |= {(TensorProto.FLOAT, 0): "value_float", (TensorProto.INT64, 0): "value_int"}
        kind = kinds.get((tensor.data_type, array.ndim))
        if kind and array.size:
            made.append(helper.make_node("Constant", [], [tensor.name], **{kind: array.tolist()}))
            graph.graph.initializer.remove(tensor)
    old = list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend([*made, *old])


def _as_inputs(graph: Graph) -> None:
    """Initializers named among the inputs, as IR version 3 had it."""
    for tensor in graph.graph.initializer:
        graph.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))


def _transposed_weights(graph: Graph) -> None:
    for name in _float_weights(graph):
        array = graph.array(name)
        order = list(range(array.ndim))[::-1]
        graph.tensor(name).name = f"{name}_t"
        graph.put(f"{name}_t", array.transpose(order))
        graph.node("Transpose", [f"{name}_t"], name, perm=order)
        graph.place(0)


def _flat_weights(graph: Graph) -> None:
    for name in _float_weights(graph):
        array = graph.array(name)
        graph.tensor(name).name = f"{name}_flat"
        graph.put(f"{name}_flat", array.ravel())
        graph.node("Reshape", [f"{name}_flat", graph.number(array.shape, np.int64)], name)
        graph.place(0)


def _split_weights(graph: Graph) -> None:
    """Every matrix in two halves that are joined."""
    for name in _float_weights(graph):
        array = graph.array(name)
        if array.shape[0] > 1:
            half = array.shape[0] // 2
            graph.node("Concat", [graph.number(array[:half]), graph.number(array[half:])], name, axis=0)
            graph.graph.initializer.remove(graph.tensor(name))
            graph.place(0)


def _double_weights(graph: Graph) -> None:
    for name in _float_weights(graph, 1):
        array = graph.array(name)
        graph.tensor(name).name = f"{name}_d"
        graph.put(f"{name}_d", array.astype(np.float64))
        graph.node("Cast", [f"{name}_d"], name, to=TensorProto.FLOAT)
        graph.place(0)


def _twice_stored(graph: Graph) -> None:
    """Every tensor that is read twice has a copy of its own for each."""
    seen: set[str] = set()
    for node in graph.graph.node:
        for k, name in enumerate(node.input):
            if name and graph.has(name):
                if name in seen:
                    copy = TensorProto()
                    copy.CopyFrom(graph.tensor(name))
                    copy.name = graph.name("copy")
                    graph.graph.initializer.append(copy)
                    node.input[k] = copy.name
                seen.add(name)


def _reversed_numbers(graph: Graph) -> None:
    tensors = list(graph.graph.initializer)[::-1]
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(tensors)


# --- order, names, words ---------------------------------------------------------------------------------------------


def _other_order(graph: Graph) -> None:
    """The nodes in another order that runs: what can run is taken from the end."""
    left, order = list(graph.graph.node), []
    known = {v.name for v in graph.graph.input} | {t.name for t in graph.graph.initializer} | {""}
    while left:
        k = max(k for k, node in enumerate(left) if known.issuperset(node.input))
        order.append(left.pop(k))
        known.update(order[-1].output)
    if order == list(graph.graph.node):
        raise NoPlace
    del graph.graph.node[:]
    graph.graph.node.extend(order)


def _short_names(graph: Graph) -> None:
    kept = {v.name for v in [*graph.graph.input, *graph.graph.output]} | {""}
    names: dict[str, str] = {}
    for tensor in graph.graph.initializer:
        tensor.name = names.setdefault(tensor.name, str(len(names)))
    for node in graph.graph.node:
        node.name = ""
        for values in (node.input, node.output):
            for k, name in enumerate(values):
                if name not in kept:
                    values[k] = names.setdefault(name, str(len(names)))
    del graph.graph.value_info[:]


def _all_shapes(graph: Graph) -> None:
    graph.model.CopyFrom(onnx.shape_inference.infer_shapes(graph.model))


def _older_ir(graph: Graph) -> None:
    graph.model.ir_version = 9


def _said_defaults(graph: Graph) -> None:
    """Attributes written out that have their default."""
    defaults = {
        "Gemm": {"alpha": 1.0, "beta": 1.0}, "Softmax": {"axis": -1}, "Concat": {}, "Flatten": {"axis": 1},
        "LeakyRelu": {"alpha": 0.01}, "MaxPool": {"ceil_mode": 0, "storage_order": 0}, "Conv": {"auto_pad": "NOTSET"},
        "AveragePool": {"ceil_mode": 0}, "LayerNormalization": {"axis": -1, "stash_type": 1},
        "BatchNormalization": {"training_mode": 0, "momentum": 0.5}, "LSTM": {"input_forget": 0}, "Gather": {"axis": 0},
        "GRU": {"layout": 0}, "Shape": {"start": 0}, "ReduceMean": {"noop_with_empty_axes": 0, "keepdims": 1},
    }  # fmt: skip
    for k in _nodes(graph, *defaults):
        node = graph.graph.node[k]
        missing = {n: v for n, v in defaults[node.op_type].items() if attribute(node, n) is None or n == "momentum"}
        graph.set(k, **missing)


# --- one operator by others ------------------------------------------------------------------------------------------


def _conv_then_bias(g: Graph, node: NodeProto) -> bool | None:
    if len(node.input) < 3 or not g.has(node.input[2]):
        return False
    bias = g.array(node.input[2])
    rank = len(g.tensor(node.input[1]).dims)
    product = NodeProto()
    product.CopyFrom(node)
    del product.input[2:]
    product.output[0] = g.name("conv")
    g._made.append(product)
    g.node("Add", [product.output[0], g.number(bias.reshape(-1, *[1] * (rank - 2)))], node.output[0])
    return None


def _without_zero_bias(g: Graph) -> None:
    """A bias of zeros where there is none."""
    done = False
    for k in _nodes(g, "Conv", "ConvTranspose"):
        node = g.graph.node[k]
        if len(node.input) == 2 and g.has(node.input[1]) and node.op_type == "Conv":
            node.input.append(g.number(np.zeros(g.tensor(node.input[1]).dims[0])))
            done = True
    if not done:
        raise NoPlace


def _fold(g: Graph) -> None:
    """BatchNorm into the Conv before it, in float32, as tools do."""
    done = False
    for k in reversed(_nodes(g, "BatchNormalization")):
        norm = g.graph.node[k]
        conv = next((n for n in g.graph.node if norm.input[0] in n.output), None)
        readers = sum(norm.input[0] in n.input for n in g.graph.node)
        if conv is None or conv.op_type != "Conv" or readers != 1:
            continue
        gamma, beta, mean, variance = (g.array(name) for name in norm.input[1:5])
        scale = gamma / np.sqrt(variance + np.float32(attribute(norm, "epsilon", 1e-5)))
        weight = g.array(conv.input[1])
        bias = g.array(conv.input[2]) if len(conv.input) > 2 else np.zeros_like(mean)
        fresh = [g.number(weight * scale.reshape(-1, *[1] * (weight.ndim - 1))), g.number((bias - mean) * scale + beta)]
        del conv.input[1:]
        conv.input.extend(fresh)
        conv.output[0] = norm.output[0]
        del g.graph.node[k]
        done = True
    if not done:
        raise NoPlace


def _gemm(g: Graph, node: NodeProto) -> bool | None:
    """MatMul of rank 2 and Add as Gemm is what others do; here a Gemm with its bias as Add behind."""
    if len(node.input) < 3:
        return False
    bias, result = node.input[2], node.output[0]
    del node.input[2:]
    node.output[0] = g.name("product")
    g._made.append(node)
    g.node("Add", [bias, node.output[0]], result)
    return None


def _flatten(g: Graph, node: NodeProto) -> bool | None:
    if attribute(node, "axis", 1) != 1:
        return False
    g.node("Reshape", [node.input[0], g.number([0, -1], np.int64)], node.output[0])
    return None


def _mean_by_sum(g: Graph, node: NodeProto) -> bool | None:
    if attribute(node, "keepdims", 1) == 1:
        node.attribute.extend([])
        return False
    kept = g.name("kept")
    axes = list(node.input[1:2])
    result = node.output[0]
    node.output[0] = kept
    rest = [a for a in node.attribute if a.name != "keepdims"]
    del node.attribute[:]
    node.attribute.extend([*rest, helper.make_attribute("keepdims", 1)])
    g._made.append(node)
    g.node("Squeeze", [kept, *axes], result)
    return None


def _global_pool(g: Graph, node: NodeProto) -> None:
    g.node("ReduceMean", [node.input[0], g.number([-2, -1], np.int64)], node.output[0], keepdims=1)


def _swish(g: Graph, node: NodeProto) -> None:
    x = node.input[0]
    share = g.node("HardSigmoid", [x], alpha=1 / 6, beta=0.5)
    g.node("Mul", [share, x], node.output[0])


def _sigmoid(g: Graph, node: NodeProto) -> None:
    e = g.node("Exp", [g.node("Neg", [node.input[0]])])
    g.node("Reciprocal", [g.node("Add", [e, g.number(1.0)])], node.output[0])


def _softmax(g: Graph, node: NodeProto) -> None:
    axis = attribute(node, "axis", -1)
    axes = g.number([axis], np.int64)
    x = node.input[0]
    e = g.node("Exp", [g.node("Sub", [x, g.node("ReduceMax", [x, axes], keepdims=1)])])
    g.node("Div", [e, g.node("ReduceSum", [e, axes], keepdims=1)], node.output[0])


def _norm(g: Graph, node: NodeProto) -> bool | None:
    """LayerNormalization by its formula."""
    axis = attribute(node, "axis", -1)
    if axis != -1 or len(node.output) > 1:
        return False
    axes, x = g.number([-1], np.int64), node.input[0]
    centred = g.node("Sub", [x, g.node("ReduceMean", [x, axes], keepdims=1)])
    square = g.node("Mul", [centred, centred])
    variance = g.node("ReduceMean", [square, axes], keepdims=1)
    root = g.node("Sqrt", [g.node("Add", [variance, g.number(attribute(node, "epsilon", 1e-5))])])
    value = g.node("Mul", [g.node("Div", [centred, root]), node.input[1]])
    if len(node.input) > 2 and node.input[2]:
        value = g.node("Add", [value, node.input[2]])
    g.node("Identity", [value], node.output[0])
    return None


def _clip(g: Graph, node: NodeProto) -> bool | None:
    value, bounds = node.input[0], [*node.input[1:], "", ""][:2]
    if not any(bounds):
        return False
    if bounds[0]:
        value = g.node("Max", [value, bounds[0]])
    if bounds[1]:
        value = g.node("Min", [bounds[1], value])
    g.node("Identity", [value], node.output[0])
    return None


def _sub(g: Graph, node: NodeProto) -> None:
    g.node("Add", [node.input[0], g.node("Neg", [node.input[1]])], node.output[0])


def _leaky(g: Graph, node: NodeProto) -> None:
    slope = attribute(node, "alpha", 0.01)
    g.node("PRelu", [node.input[0], g.number(slope)], node.output[0])


def _shape_of_shape(g: Graph, node: NodeProto) -> None:
    """One size of a Shape by a Slice of the whole."""
    start, end = attribute(node, "start", 0), attribute(node, "end")
    if end is None:
        g._made.append(node)
        raise NoPlace
    whole = g.node("Shape", [node.input[0]])
    g.node("Slice", [whole, g.number([start], np.int64), g.number([end], np.int64)], node.output[0])


# --- nodes that do nothing -------------------------------------------------------------------------------------------


def _midst(nodes: Nodes, rank: int | None = None) -> Edit:
    """`nodes` behind what the first layer gives, and behind the last value but one."""

    def edit(graph: Graph) -> None:
        known = onnx.shape_inference.infer_shapes(graph.model).graph
        floats = {
            v.name: len(v.type.tensor_type.shape.dim)
            for v in [*known.value_info, *known.output]
            if v.type.tensor_type.elem_type == TensorProto.FLOAT
        }
        found = [o for n in graph.graph.node for o in n.output if o in floats and rank in (None, floats[o])]
        if not found:
            raise NoPlace
        for value in dict.fromkeys((found[0], found[-1])):
            graph.behind(value, nodes)

    return edit


def _op(op: str, *more: tuple[object, type], **attributes: object) -> Nodes:
    def nodes(g: Graph, value: str, result: str) -> None:
        g.node(op, [value, *(g.number(v, t) if v is not None else "" for v, t in more)], result, **attributes)

    return nodes


def _whole_slice(g: Graph, value: str, result: str) -> None:
    g.node("Slice", [value, *(g.number([v], np.int64) for v in (0, np.iinfo(np.int64).max, 0))], result)


def _same_shape(g: Graph, value: str, result: str) -> None:
    g.node("Reshape", [value, g.node("Shape", [value])], result)


def _expanded(g: Graph, value: str, result: str) -> None:
    g.node("Expand", [value, g.node("Shape", [value])], result)


def _there_and_back(g: Graph, value: str, result: str) -> None:
    turned = g.node("Transpose", [value], perm=[0, 2, 3, 1])
    g.node("Transpose", [turned], result, perm=[0, 3, 1, 2])


def _double(g: Graph, value: str, result: str) -> None:
    g.node("Cast", [g.node("Cast", [value], to=TensorProto.DOUBLE)], result, to=TensorProto.FLOAT)


def _certain(g: Graph, value: str, result: str) -> None:
    info = helper.make_value_info("t", helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    other = helper.make_value_info("e", helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    then = helper.make_graph([helper.make_node("Identity", [value], ["t"])], "then", [], [info])
    orelse = helper.make_graph([helper.make_node("Neg", [value], ["e"])], "else", [], [other])
    g.node("If", [g.number(True, np.bool_)], result, then_branch=then, else_branch=orelse)


def _function(g: Graph, value: str, result: str) -> None:
    """A function of a domain of its own that passes on."""
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    if not any(f.name == "Pass" for f in g.model.functions):
        opset = helper.make_opsetid("", 20)
        g.model.functions.append(helper.make_function("mine", "Pass", ["x"], ["y"], nodes, [opset]))
        g.model.opset_import.append(helper.make_opsetid("mine", 1))
    g.node("Pass", [value], result, domain="mine")


def _relu_function(g: Graph) -> None:
    """Every ReLU as a function of a domain of its own."""
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    found = _nodes(g, "Relu")
    g.model.functions.append(helper.make_function("mine", "Act", ["x"], ["y"], nodes, [helper.make_opsetid("", 20)]))
    g.model.opset_import.append(helper.make_opsetid("mine", 1))
    for k in found:
        g.graph.node[k].op_type, g.graph.node[k].domain = "Act", "mine"


def _no_dropout(g: Graph, value: str, result: str) -> None:
    g.node("Dropout", [value, g.number(0.5), g.number(False, np.bool_)], result)


def _split_and_join(g: Graph, value: str, result: str) -> None:
    g.node("Concat", [value], result, axis=0)


def _nothing_chosen(g: Graph, value: str, result: str) -> None:
    g.node("Where", [g.number(True, np.bool_), value, g.number(3.0)], result)


EDITS: dict[str, Edit] = {
    "numbers as Constants of their own kinds": _float_constants,
    "initializers among the inputs": _as_inputs,
    "weights behind a Transpose": _transposed_weights,
    "weights behind a Reshape": _flat_weights,
    "weights in halves": _split_weights,
    "weights as doubles": _double_weights,
    "shared numbers stored twice": _twice_stored,
    "initializers in another order": _reversed_numbers,
    "nodes in another order": _other_order,
    "names of digits": _short_names,
    "shapes written in": _all_shapes,
    "IR version 9": _older_ir,
    "defaults written out": _said_defaults,
    "Conv with its bias behind": _each(("Conv",), _conv_then_bias),
    "a bias of zeros": _without_zero_bias,
    "BatchNorm folded": _fold,
    "Gemm with its bias behind": _each(("Gemm",), _gemm),
    "Flatten as Reshape": _each(("Flatten",), _flatten),
    "mean with its dims, then Squeeze": _each(("ReduceMean",), _mean_by_sum),
    "global pool as mean": _each(("GlobalAveragePool",), _global_pool),
    "HardSwish by HardSigmoid": _each(("HardSwish",), _swish),
    "Sigmoid by Exp": _each(("Sigmoid",), _sigmoid),
    "Softmax by Exp": _each(("Softmax",), _softmax),
    "LayerNorm by its formula": _each(("LayerNormalization",), _norm),
    "Clip as Max and Min": _each(("Clip",), _clip),
    "Sub as Add": _each(("Sub",), _sub),
    "LeakyReLU as PReLU": _each(("LeakyRelu",), _leaky),
    "a size by a Slice": _each(("Shape",), _shape_of_shape),
    "Identity": _midst(_op("Identity")),
    "− 0": _midst(_op("Sub", (0.0, np.float32))),
    "÷ 1": _midst(_op("Div", (1.0, np.float32))),
    "a power of 1": _midst(_op("Pow", (1.0, np.float32))),
    "a Clip without bounds": _midst(_op("Clip")),
    "a Clip at infinity": _midst(_op("Clip", (-np.inf, np.float32), (np.inf, np.float32))),
    "a Slice of everything": _midst(_whole_slice),
    "a Reshape to the same shape": _midst(_same_shape),
    "an Expand to the same shape": _midst(_expanded),
    "Transposes there and back": _midst(_there_and_back, 4),
    "a Pad by nothing": _midst(_op("Pad", ([0] * 8, np.int64)), 4),
    "double and back": _midst(_double),
    "an If that is certain": _midst(_certain),
    "a function that passes on": _midst(_function),
    "ReLU as a function": _relu_function,
    "Dropout in evaluation": _midst(_no_dropout),
    "a Concat of one": _midst(_split_and_join),
    "a Where that is certain": _midst(_nothing_chosen),
    "a Cast to itself": _midst(_op("Cast", to=TensorProto.FLOAT)),
}


# --- further tools ---------------------------------------------------------------------------------------------------


def external_data(path: Path, target: Path) -> None:
    """Weights in a file beside the model; onnxruntime wants the numbers of shapes in the file itself."""
    onnx.save(onnx.load(path), target, save_as_external_data=True, location=f"{target.stem}.data", size_threshold=64)


def onnxsim(path: Path, target: Path) -> None:
    """onnx-simplifier."""
    import onnxsim as tool

    onnx.save(tool.simplify(onnx.load(path))[0], target)


def half(path: Path, target: Path) -> None:
    """onnxconverter-common's float16."""
    from onnxconverter_common import float16

    onnx.save(float16.convert_float_to_float16(onnx.load(path), keep_io_types=True), target)


def opset(number: int) -> Callable[[Path, Path], None]:
    """onnx's converter of versions."""

    def make(path: Path, target: Path) -> None:
        onnx.save(onnx.version_converter.convert_version(onnx.load(path), number), target)

    return make


def inlined(path: Path, target: Path) -> None:
    """Functions of the standard put in the place of operators: GELU, Softmax … by their bodies."""
    from onnx import inliner

    model = onnx.load(path)
    names = ("Gelu", "Softmax", "HardSwish", "Elu", "Clip", "GroupNormalization")  # LayerNorm's body loses digits
    ops = [("", name) for name in names]
    onnx.save(inliner.inline_selected_functions(model, ops, exclude=False, inline_schema_functions=True), target)


def layout(path: Path, target: Path) -> None:
    """onnxruntime's optimiser with the layout of this processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_LAYOUT
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


FURTHER_TOOLS: dict[str, Callable[[Path, Path], None]] = {
    "onnxruntime, layout": layout,
    "external data": external_data,
    "onnxsim": onnxsim,
    "fp16, onnxconverter-common": half,
    "opset 18": opset(18),
    "opset 23": opset(23),
    "standard functions inlined": inlined,
}
