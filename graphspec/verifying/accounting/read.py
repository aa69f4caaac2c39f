"""An ONNX model as terms, its attributes written out with their defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphspec.exporting.onnx import LAYER_KEY
from graphspec.verifying.accounting.rules import Rules
from graphspec.verifying.accounting.terms import Attributes, Term, Terms

#: Attributes that became inputs in later versions: operator → (attribute, input).
_NOW_INPUTS = {
    **dict.fromkeys(("Squeeze", "Unsqueeze", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"), (("axes", 1),)),
    "Clip": (("min", 1), ("max", 2)),
    "Slice": (("starts", 1), ("ends", 2), ("axes", 3)),
    "Pad": (("pads", 1), ("value", 2)),
    "Split": (("split", 1),),
}
#: Attributes that change nothing where they have these values.
_IDLE: dict[str, tuple[Any, ...]] = {"auto_pad": ("NOTSET",), "allowzero": (0, 1), "storage_order": (0,)}
#: Of convolutions and pools: attributes whose values are all 1, or all 0, are those that are left out.
_UNIT = {"dilations": 1, "strides": 1, "pads": 0, "output_padding": 0}
_DOMAINS = ("", "ai.onnx")


@dataclasses.dataclass(frozen=True, slots=True)
class Contents:
    """A model's ``outputs`` by name, and its ``operators``."""

    outputs: Mapping[str, Term]
    operators: frozenset[str]


def read(path: Path) -> Contents:
    """What the model at `path` computes.

    Raises whatever onnx's own readers raise where it is none.
    """
    import onnx
    from onnx import inliner

    model = onnx.load(str(path))
    if model.functions:
        model = inliner.inline_local_functions(model)
    return Contents(_Reader(model).outputs(), frozenset(node.op_type for node in model.graph.node))


class _Reader:
    def __init__(self, model: Any) -> None:
        import onnx

        self._graph = model.graph
        self._opset = next((entry.version for entry in model.opset_import if entry.domain in _DOMAINS), 1)
        self._terms = Terms()
        self._rules = Rules(self._terms)
        self._values: dict[str, Term] = {"": self._terms.none}
        inferred = onnx.shape_inference.infer_shapes(model).graph
        known = [*inferred.value_info, *inferred.input, *inferred.output]
        self._ranks = {
            value.name: len(value.type.tensor_type.shape.dim)
            for value in known
            if value.type.tensor_type.HasField("shape")
        }
        self._ranks |= {tensor.name: len(tensor.dims) for tensor in model.graph.initializer}

    def outputs(self) -> dict[str, Term]:
        """Every output's term."""
        import onnx

        for tensor in self._graph.initializer:
            self._values[tensor.name] = self._terms.constant(onnx.numpy_helper.to_array(tensor), tensor.name)
        for value in self._graph.input:
            if value.name not in self._values:
                self._values[value.name] = self._terms.term("input", (), (("name", value.name),))
        for node in _in_order(self._graph.node):
            self._node(node)
        return {value.name: self._values[value.name] for value in self._graph.output}

    def _node(self, node: Any) -> None:
        op = node.op_type if node.domain in _DOMAINS else f"{node.domain}::{node.op_type}"
        attributes = {attribute.name: _plain(attribute) for attribute in node.attribute}
        if op == "Constant":
            self._values[node.output[0]] = self._terms.constant(_constant(node), node.output[0])
            return
        inputs = [self._values[name] for name in node.input]
        layer = next((prop.value for prop in node.metadata_props if prop.key == LAYER_KEY), "")
        inputs = self._moved(op, attributes, inputs)
        rank = self._ranks.get(node.input[0]) if node.input else None
        normal = self._normal(op, node.domain, attributes, rank)
        inputs = [self._positive(op, k, term, rank) for k, term in enumerate(inputs)]
        while inputs and inputs[-1] is self._terms.none:
            inputs.pop()
        for index, name in enumerate(node.output):
            if name:
                self._values[name] = self._rules.make(op, inputs, normal, index, rank, layer)

    def _moved(self, op: str, attributes: dict[str, Hashable], inputs: Sequence[Term]) -> list[Term]:
        """`inputs`, with the attributes that later versions have as inputs."""
        found = list(inputs)
        for name, place in _NOW_INPUTS.get(op, ()):
            value = attributes.pop(name, None)
            if value is not None:
                found += [self._terms.none] * (place + 1 - len(found))
                floating = op in ("Clip", "Pad") and name != "pads"
                found[place] = self._terms.constant(np.array(value, np.float32 if floating else np.int64))
        return found

    def _positive(self, op: str, place: int, term: Term, rank: int | None) -> Term:
        """Axes counted from the first, where they are an input."""
        array = term.array
        axes = (place == 1 and op in ("Squeeze", "Unsqueeze")) or (place == 1 and op.startswith("Reduce"))
        if not axes or array is None or rank is None or not (array < 0).any():
            return term
        count = rank + (array.size if op == "Unsqueeze" else 0)
        return self._terms.constant(np.where(array < 0, array + count, array))

    def _normal(self, op: str, domain: str, attributes: Mapping[str, Hashable], rank: int | None) -> Attributes:
        """The attributes that say something, sorted: none that has its default, axes counted from the first."""
        defaults = self._defaults(op, domain)
        found: dict[str, Hashable] = {}
        for name, value in {**defaults, **attributes}.items():
            if name == "axis" and isinstance(value, int) and value < 0 and rank is not None:
                value += rank
            unit = _UNIT.get(name)
            same = unit is not None and isinstance(value, tuple) and all(part == unit for part in value)
            if not same and value not in _IDLE.get(name, ()):
                found[name] = value
        if "Conv" in op:
            found.pop("kernel_shape", None)  # the weight's own
        return tuple(sorted(found.items()))

    def _defaults(self, op: str, domain: str) -> dict[str, Hashable]:
        import onnx

        try:
            schema = onnx.defs.get_schema(op.rpartition("::")[2], self._opset, domain if "::" in op else "")
        except onnx.defs.SchemaError:
            return {}
        known = {name: attribute.default_value for name, attribute in schema.attributes.items()}
        return {name: _plain(value) for name, value in known.items() if value.type}


def _in_order(nodes: Sequence[Any]) -> Iterator[Any]:
    """The nodes, each behind those that it reads from: a tool may have left them in another order."""
    made = {name for node in nodes for name in node.output}
    waiting, done = list(nodes), set[str]()
    while waiting:
        left: list[Any] = []
        for node in waiting:
            if all(name in done or name not in made for name in node.input):
                done.update(node.output)
                yield node
            else:
                left.append(node)
        if len(left) == len(waiting):
            raise ValueError("the graph has a cycle")
        waiting = left


def _constant(node: Any) -> Any:
    import onnx

    (attribute,) = node.attribute
    value = onnx.helper.get_attribute_value(attribute)
    if attribute.name == "value":
        return onnx.numpy_helper.to_array(value)
    dtypes = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    return np.array(value, dtypes.get(attribute.name))


def _plain(attribute: Any) -> Hashable:
    """An attribute's value; a tensor's or a graph's by its bytes, which are compared alone."""
    import onnx

    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, int | float):
        return value
    if hasattr(value, "SerializeToString"):
        return bytes(value.SerializeToString(deterministic=True))
    return tuple(part.decode(errors="replace") if isinstance(part, bytes) else part for part in value)
