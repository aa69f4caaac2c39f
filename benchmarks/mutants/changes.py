"""Changes to an ONNX file that drawn inputs hardly show, by family; and changes that mean nothing.

Each is a function of a copy of the model. What a family does where a model has no place for it is nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Edit = Callable[[ModelProto], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What is done (`family`), where (`site`), and how."""

    family: str
    site: str
    edit: Edit

    def of(self, model: ModelProto) -> ModelProto:
        """A changed copy."""
        copy = ModelProto()
        copy.CopyFrom(model)
        self.edit(copy)
        return copy


def changes(model: ModelProto) -> Iterator[Change]:
    """Every change of every family that the model has a place for."""
    for family in (_rows, _single_weights, _dead_units, _bounds, _slopes, _attributes, _inserted):
        yield from family(model)


# --- numbers ---------------------------------------------------------------------------------------------------------


def _floats(model: ModelProto) -> Iterator[tuple[str, np.ndarray]]:
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            yield tensor.name, numpy_helper.to_array(tensor)


def _set(name: str, change: Callable[[np.ndarray], None]) -> Edit:
    def edit(model: ModelProto) -> None:
        tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
        array = numpy_helper.to_array(tensor).copy()
        change(array)
        tensor.CopyFrom(numpy_helper.from_array(array, name))

    return edit


def _rows(model: ModelProto) -> Iterator[Change]:
    """One row of a table of more rows than are drawn."""
    for name, array in _floats(model):
        if array.ndim == 2 and array.shape[0] >= 1000:
            for row in (1, 999, array.shape[0] // 3, array.shape[0] - 1):
                yield Change("row of an embedding", f"{name}[{row}]", _set(name, lambda a, row=row: _add(a, row, 1e-3)))


def _add(array: np.ndarray, place: object, value: float) -> None:
    array[place] += value


def _scale(array: np.ndarray, place: int, factor: float) -> None:
    array.flat[place] *= factor


def _single_weights(model: ModelProto) -> Iterator[Change]:
    """One weight of a tensor, by 1 % and by 0.01 %, where it is least and where it is median."""
    for name, array in _floats(model):
        if array.size < 4 or array.shape[0] >= 1000:
            continue
        order = np.abs(array).argsort(axis=None)
        order = order[np.abs(array.flat[order]) > 0]
        for place in dict.fromkeys(int(order[k]) for k in (0, len(order) // 2) if len(order)):
            for share in (1.01, 1.0001):
                yield Change(
                    f"one weight × {share}", f"{name}.flat[{place}]",
                    _set(name, lambda a, place=place, share=share: _scale(a, place, share)),
                )  # fmt: skip


def _dead_units(model: ModelProto) -> Iterator[Change]:
    """What goes into and out of the first units, which the network called "dead" holds off."""
    matrices = [(name, array) for name, array in _floats(model) if array.ndim == 2]
    if any(tensor.name == "level" for tensor in model.graph.initializer):
        (into, _), (out, _) = matrices[:2]
        yield Change("dead unit", f"{into}[0]", _set(into, lambda a: _add(a, 0, 0.5)))
        yield Change("dead unit", f"{into}[1]", _set(into, lambda a: _add(a, 1, -3.0)))
        yield Change("dead unit", f"{out}[:, 0]", _set(out, lambda a: _add(a, (slice(None), 0), 7.0)))
        yield Change("dead unit", f"{out}[:, 1]", _set(out, lambda a: _add(a, (slice(None), 1), 0.1)))
        bias = into.replace("weight", "bias")
        yield Change("dead unit", f"{bias}[0]", _set(bias, lambda a: _add(a, 0, 0.5)))


# --- bounds, slopes, attributes --------------------------------------------------------------------------------------


def _bounds(model: ModelProto) -> Iterator[Change]:
    """Clip's bounds, and clips where there were none."""
    names = {name for node in model.graph.node if node.op_type == "Clip" for name in node.input[1:] if name}
    for name, array in _floats(model):
        if name in names and array.any():
            for factor in (0.9, 1.5, 10.0, 1e6):
                yield Change("another bound", f"{name} × {factor:g}", _set(name, lambda a, f=factor: _scale(a, 0, f)))
    for at in ("input", "output"):
        for bound in (50.0, 1e4, 1e30):
            yield Change("a bound more", f"{at} at {bound:g}", _inserted_at(at, _clip(bound)))
    for k, node in enumerate(model.graph.node):
        if node.op_type in ("LSTM", "GRU"):
            for bound in (30.0, 1e4):
                yield Change("clip of a recurrent layer", f"{node.name} at {bound:g}", _attribute(k, "clip", bound))


def _clip(bound: float) -> Callable[[ModelProto, str, str], list[NodeProto]]:
    def nodes(model: ModelProto, value: str, result: str) -> list[NodeProto]:
        low, high = _number(model, -bound), _number(model, bound)
        return [helper.make_node("Clip", [value, low, high], [result])]

    return nodes


def _slopes(model: ModelProto) -> Iterator[Change]:
    """Another operator in the place of a ReLU, with a slope or threshold that is next to nothing."""
    for k, node in enumerate(model.graph.node):
        if node.op_type == "Relu":
            for other in ("LeakyRelu", "ThresholdedRelu"):
                for alpha in (1e-3, 1e-6, 1e-12):
                    yield Change(
                        "a slope for ReLU", f"{node.name}: {other} {alpha:g}", _operator(k, other, alpha=alpha)
                    )
        if node.op_type == "Clip" and len(node.input) == 3:
            yield Change("a bound less", f"{node.name}: Relu", _operator(k, "Relu", inputs=1))


_ATTRIBUTES: dict[str, dict[str, Callable[[object], object]]] = {
    "BatchNormalization": {"epsilon": lambda v: v * 1.1},
    "LayerNormalization": {"epsilon": lambda v: v * 1.1},
    "InstanceNormalization": {"epsilon": lambda v: v * 1.1},
    "LeakyRelu": {"alpha": lambda v: v * 1.0001},
    "Elu": {"alpha": lambda v: v * 1.0001},
    "Gemm": {"alpha": lambda v: 1.0001, "beta": lambda v: 0.9999},
    "AveragePool": {"count_include_pad": lambda v: 1 - (v or 0)},
    "Gelu": {"approximate": lambda v: "none" if v == b"tanh" else "tanh"},
}


def _attributes(model: ModelProto) -> Iterator[Change]:
    """Attributes by a little."""
    for k, node in enumerate(model.graph.node):
        for name, change in _ATTRIBUTES.get(node.op_type, {}).items():
            value = next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), None)
            if value is not None or node.op_type in ("Gemm", "Gelu", "AveragePool"):
                yield Change("an attribute", f"{node.name}: {name}", _attribute(k, name, change(value)))


def _attribute(k: int, name: str, value: object) -> Edit:
    def edit(model: ModelProto) -> None:
        node = model.graph.node[k]
        kept = [attribute for attribute in node.attribute if attribute.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(name, value)])

    return edit


def _operator(k: int, op: str, inputs: int | None = None, **attributes: float) -> Edit:
    def edit(model: ModelProto) -> None:
        node = model.graph.node[k]
        node.op_type = op
        del node.attribute[:]
        node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
        if inputs is not None:
            del node.input[inputs:]

    return edit


# --- nodes that act in one case --------------------------------------------------------------------------------------


def _number(model: ModelProto, value: object, dtype: type = np.float32) -> str:
    name = f"number_{len(model.graph.initializer)}"
    model.graph.initializer.append(numpy_helper.from_array(np.array(value, dtype), name))
    return name


def _inserted_at(at: str, nodes: Callable[[ModelProto, str, str], list[NodeProto]], place: int = 0) -> Edit:
    """Behind the input or before the output of number `place`."""

    def edit(model: ModelProto) -> None:
        graph = model.graph
        if at == "input":
            name = graph.input[place].name
            for node in graph.node:
                for k, value in enumerate(node.input):
                    if value == name:
                        node.input[k] = "changed"
            made = nodes(model, name, "changed")
            old = list(graph.node)
            del graph.node[:]
            graph.node.extend([*made, *old])
        else:
            name = graph.output[place].name
            for node in graph.node:
                for values in (node.input, node.output):
                    for k, value in enumerate(values):
                        if value == name:
                            values[k] = "unchanged"
            graph.node.extend(nodes(model, "unchanged", name))

    return edit


def _where(condition: Callable[[ModelProto, str], list[NodeProto]], factor: float) -> Callable[..., list[NodeProto]]:
    """`factor` × the value where `condition`, whose last node gives "acts", holds."""

    def nodes(model: ModelProto, value: str, result: str) -> list[NodeProto]:
        return [
            *condition(model, value),
            helper.make_node("Mul", [value, _number(model, factor)], ["scaled"]),
            helper.make_node("Where", ["acts", "scaled", value], [result]),
        ]

    return nodes


def _compared(op: str, number: float) -> Callable[[ModelProto, str], list[NodeProto]]:
    def nodes(model: ModelProto, value: str) -> list[NodeProto]:
        return [helper.make_node(op, [value, _number(model, number)], ["acts"])]

    return nodes


def _large(number: float) -> Callable[[ModelProto, str], list[NodeProto]]:
    def nodes(model: ModelProto, value: str) -> list[NodeProto]:
        size = helper.make_node("Abs", [value], ["size"])
        return [size, helper.make_node("Greater", ["size", _number(model, number)], ["acts"])]

    return nodes


def _sized(op: str, axis: int, size: int) -> Callable[[ModelProto, str], list[NodeProto]]:
    def nodes(model: ModelProto, value: str) -> list[NodeProto]:
        shape = helper.make_node("Shape", [value], ["shape"])
        one = helper.make_node("Gather", ["shape", _number(model, axis, np.int64)], ["size"])
        return [shape, one, helper.make_node(op, ["size", _number(model, size, np.int64)], ["acts"])]

    return nodes


def _nan(model: ModelProto, value: str) -> list[NodeProto]:
    return [helper.make_node("IsNaN", [value], ["acts"])]


def _inserted(model: ModelProto) -> Iterator[Change]:
    """Nodes that act at a size, above a size, above a magnitude, for a sign, for an id, for NaN."""
    for place, value in enumerate(model.graph.input):
        kind = value.type.tensor_type
        if kind.elem_type == TensorProto.FLOAT:
            for axis, dim in enumerate(kind.shape.dim):
                if dim.dim_param:
                    yield from _at_sizes("input", place, axis, dim.dim_param)
            for number in (40.0, 1e4, 1e20):
                edit = _inserted_at("input", _where(_large(number), 0.5), place)
                yield Change("acts above a magnitude", f"input above {number:g}", edit)
            edit = _inserted_at("input", _where(_compared("Less", -60.0), 1.001), place)
            yield Change("acts for a sign", "input below -60", edit)
            yield Change("acts for NaN", "input", _inserted_at("input", _where(_nan, 0.0), place))
        elif kind.elem_type == TensorProto.INT64:
            yield Change("acts for an id", "4321 becomes 4320", _inserted_at("input", _one_id(4321), place))
            yield Change("acts for an id", "777 becomes 776", _inserted_at("input", _one_id(777), place))
    for place, value in enumerate(model.graph.output):
        kind = value.type.tensor_type
        if kind.elem_type == TensorProto.FLOAT:
            for axis, dim in enumerate(kind.shape.dim):
                if dim.dim_param:
                    yield from _at_sizes("output", place, axis, dim.dim_param)
            for number in (1e3, 1e20):
                edit = _inserted_at("output", _where(_large(number), 0.5), place)
                yield Change("acts above a magnitude", f"output above {number:g}", edit)
            yield Change("acts for NaN", "output", _inserted_at("output", _where(_nan, 0.0), place))
            edit = _inserted_at("output", _where(_compared("Less", -500.0), 1.001), place)
            yield Change("acts for a sign", "output below -500", edit)


def _at_sizes(at: str, place: int, axis: int, dim: str) -> Iterator[Change]:
    for size in (17, 29):
        edit = _inserted_at(at, _where(_sized("Equal", axis, size), 1.01), place)
        yield Change("acts at one size", f"{at}, {dim} = {size}", edit)
    for size in (20, 1000):
        edit = _inserted_at(at, _where(_sized("Greater", axis, size), 1.01), place)
        yield Change("acts above a size", f"{at}, {dim} > {size}", edit)


def _one_id(number: int) -> Callable[[ModelProto, str, str], list[NodeProto]]:
    def nodes(model: ModelProto, value: str, result: str) -> list[NodeProto]:
        first, second = _number(model, number, np.int64), _number(model, number - 1, np.int64)
        return [
            helper.make_node("Equal", [value, first], ["acts"]),
            helper.make_node("Where", ["acts", second, value], [result]),
        ]

    return nodes


def saved(model: ModelProto, path: object) -> None:
    """Write `model`."""
    onnx.save(model, str(path))
