"""Faults as converters and hands make them, each put into one node or one tensor of an ONNX file."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

#: Greatest number of mutants of one kind per network.
MOST_OF_A_KIND = 3
Change = Callable[[ModelProto], None]
Array = NDArray[np.generic]


@dataclasses.dataclass(frozen=True, slots=True)
class Mutant:
    """A damaged file: what was done (`kind`), where (`site`), and the layer whose function it changes."""

    kind: str
    site: str
    layer: str
    model: ModelProto


def mutants(model: ModelProto) -> Iterator[Mutant]:
    """Every applicable fault, at most `MOST_OF_A_KIND` of each kind, in an order that never changes."""
    made: dict[str, int] = defaultdict(int)
    for kind, site, layer, change in [*_tensor_faults(model), *_node_faults(model)]:
        if made[kind] >= MOST_OF_A_KIND:
            continue
        made[kind] += 1
        damaged = ModelProto()
        damaged.CopyFrom(model)
        change(damaged)
        yield Mutant(kind, site, layer, damaged)


def layer_of(node: NodeProto) -> str:
    """The layer that the exporter noted."""
    return next((prop.value for prop in node.metadata_props), "")


# --- tensors ---------------------------------------------------------------------------------------------------------

TENSOR_FAULTS: dict[str, Callable[[Array], Array]] = {
    "all weights × 1.0005": lambda a: a * np.float32(1.0005),
    "weights rounded to fp16": lambda a: a.astype(np.float16).astype(np.float32),
    "one weight + 1 %": lambda a: _with_element(a, a.flat[_greatest(a)] * np.float32(1.01)),
    "one weight's sign": lambda a: _with_element(a, -a.flat[_greatest(a)]),
    "first row zero": lambda a: np.concatenate([np.zeros_like(a[:1]), a[1:]]),
    "rows reversed": lambda a: a[::-1].copy(),
}


def _greatest(array: Array) -> int:
    return int(np.abs(array).argmax())


def _with_element(array: Array, value: np.generic) -> Array:
    changed = array.copy()
    changed.flat[_greatest(array)] = value
    return changed


def _tensor_faults(model: ModelProto) -> Iterator[tuple[str, str, str, Change]]:
    readers = {name: layer_of(node) for node in model.graph.node for name in node.input if layer_of(node)}
    tensors = [t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT and readers.get(t.name)]
    tensors = [t for t in tensors if numpy_helper.to_array(t).size > 1]
    for kind, fault in TENSOR_FAULTS.items():
        for tensor in sorted(tensors, key=lambda t: (len(t.dims) < 2, t.name)):
            array = numpy_helper.to_array(tensor)
            if not np.array_equal(fault(array), array):
                yield kind, tensor.name, readers[tensor.name], _set_tensor(tensor.name, fault(array))
    for tensor in tensors:
        array = numpy_helper.to_array(tensor)
        if array.ndim == 2 and array.shape[0] == array.shape[1] and not np.array_equal(array, array.T):
            yield "operand transposed", tensor.name, readers[tensor.name], _set_tensor(tensor.name, array.T.copy())
        if array.ndim == 1 and array.any():
            yield "bias forgotten", tensor.name, readers[tensor.name], _set_tensor(tensor.name, np.zeros_like(array))


def _set_tensor(name: str, array: Array) -> Change:
    def change(model: ModelProto) -> None:
        tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), name))

    return change


# --- nodes -----------------------------------------------------------------------------------------------------------

#: (operator, attribute, kind, the value that the fault gives it). The defaults are ONNX's.
ATTRIBUTE_FAULTS = [
    ("LeakyRelu", "alpha", "alpha", 0.01),
    ("Elu", "alpha", "alpha", 1.0),
    ("Elu", "alpha", "alpha", 0.9),
    ("Softmax", "axis", "axis", 0),
    ("Concat", "axis", "axis", 0),
    ("BatchNormalization", "epsilon", "epsilon", 1e-2),
    ("BatchNormalization", "epsilon", "epsilon", 1e-4),
    ("LayerNormalization", "epsilon", "epsilon", 1e-3),
    ("InstanceNormalization", "epsilon", "epsilon", 1e-3),
    ("GroupNormalization", "epsilon", "epsilon", 1e-3),
    ("AveragePool", "count_include_pad", "count_include_pad", None),
    ("AveragePool", "ceil_mode", "ceil_mode", 1),
    ("Gelu", "approximate", "approximate", None),
    ("Resize", "coordinate_transformation_mode", "align_corners", None),
    ("Resize", "mode", "interpolation", "nearest"),
    ("Conv", "dilations", "dilation", [1, 1]),
    ("Gemm", "alpha", "alpha", 1.001),
    ("Gemm", "beta", "beta", 0.999),
    ("Gemm", "transB", "operand transposed", None),
    ("LSTM", "direction", "direction", "reverse"),
    ("GRU", "direction", "direction", "reverse"),
    ("GRU", "linear_before_reset", "linear_before_reset", 0),
    ("ReduceMean", "keepdims", "keepdims", None),
]
#: Attributes with two values: the fault is the other one. An absent attribute has the first.
OTHER_VALUE = {
    "count_include_pad": (0, 1),
    "approximate": ("none", "tanh"),
    "coordinate_transformation_mode": ("half_pixel", "align_corners"),
    "transB": (0, 1),
    "keepdims": (1, 0),
}
OTHER_OPERATOR = {
    "Relu": "Elu", "Elu": "Selu", "Sigmoid": "HardSigmoid", "Tanh": "Softsign", "Add": "Sub", "Mul": "Add",
    "Gelu": "Mish", "HardSwish": "Mish", "Softplus": "Relu", "MaxPool": "AveragePool", "ReduceMean": "ReduceMax",
}  # fmt: skip


def _node_faults(model: ModelProto) -> Iterator[tuple[str, str, str, Change]]:
    constants = {tensor.name for tensor in model.graph.initializer}
    for k, node in enumerate(model.graph.node):
        layer = layer_of(node)
        if not layer:
            continue
        for operator, attribute, kind, value in ATTRIBUTE_FAULTS:
            if node.op_type == operator:
                yield kind, node.name, layer, _set_attribute(k, attribute, _other(node, attribute, value))
        if node.op_type in OTHER_OPERATOR:
            yield "another operator", node.name, layer, _set_operator(k, OTHER_OPERATOR[node.op_type])
        if node.op_type in ("Sub", "Div", "Concat", "MatMul") and node.input[1] not in constants:
            yield "inputs swapped", node.name, layer, _swap_inputs(k)
        if node.op_type == "Reshape":
            yield from _reshape_faults(model, k, layer)


def _other(node: NodeProto, attribute: str, value: object) -> object:
    if value is not None:
        return value
    first, second = OTHER_VALUE[attribute]
    present = next((helper.get_attribute_value(a) for a in node.attribute if a.name == attribute), first)
    present = present.decode() if isinstance(present, bytes) else present
    return second if present == first else first


def _set_attribute(k: int, name: str, value: object) -> Change:
    def change(model: ModelProto) -> None:
        node = model.graph.node[k]
        kept = [attribute for attribute in node.attribute if attribute.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(name, value)])

    return change


def _set_operator(k: int, operator: str) -> Change:
    def change(model: ModelProto) -> None:
        node = model.graph.node[k]
        known = onnx.defs.get_schema(operator, 20).attributes
        kept = [attribute for attribute in node.attribute if attribute.name in known]
        node.op_type = operator
        del node.attribute[:]
        node.attribute.extend(kept)

    return change


def _swap_inputs(k: int) -> Change:
    def change(model: ModelProto) -> None:
        node = model.graph.node[k]
        node.input[0], node.input[1] = node.input[1], node.input[0]

    return change


def _reshape_faults(model: ModelProto, k: int, layer: str) -> Iterator[tuple[str, str, str, Change]]:
    """The size of the traced sample written into the file, and a shape with its last two dims exchanged."""
    node = model.graph.node[k]
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    known = {value.name: value for value in [*inferred.graph.value_info, *inferred.graph.output]}
    dims = [dim.dim_value or dim.dim_param for dim in known[node.output[0]].type.tensor_type.shape.dim]
    traced = [dim if isinstance(dim, int) else {"N": 2, "T": 5}.get(dim, 0) for dim in dims]
    if dims and all(traced) and traced != dims:
        yield "shape-guarded reshape", node.name, layer, _set_shape(k, traced)


def _set_shape(k: int, shape: list[int]) -> Change:
    def change(model: ModelProto) -> None:
        name = f"mutant_shape_{k}"
        model.graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), name))
        model.graph.node[k].input[1] = name

    return change
