"""An ONNX model as terms, its attributes written out with their defaults."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphspec.exporting.onnx import LAYER_KEY
from graphspec.verifying.accounting.elementwise import FUNCTIONS
from graphspec.verifying.accounting.ranks import rank_of
from graphspec.verifying.accounting.rules import Rules
from graphspec.verifying.accounting.terms import FLOATS, Attributes, Term, Terms
from graphspec.verifying.local_functions import check_functions

#: Attributes that became inputs in later versions: operator → (attribute, input).
_NOW_INPUTS = {
    **dict.fromkeys(("Squeeze", "Unsqueeze", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"), (("axes", 1),)),
    "Clip": (("min", 1), ("max", 2)),
    "Slice": (("starts", 1), ("ends", 2), ("axes", 3)),
    "Pad": (("pads", 1), ("value", 2)),
    "Split": (("split", 1),),
}
#: Attributes that change nothing where they have these values.
_IDLE: dict[str, tuple[Any, ...]] = {
    "auto_pad": ("NOTSET",),
    "allowzero": (0, 1),
    "storage_order": (0,),
    "saturate": (1,),
}
#: Of convolutions and pools: attributes whose values are all 1, or all 0, are those that are left out.
_UNIT = {"dilations": 1, "strides": 1, "pads": 0, "output_padding": 0}
_DOMAINS = ("", "ai.onnx")


@dataclasses.dataclass(frozen=True, slots=True)
class Contents:
    """A model's ``outputs`` by name, and its ``operators``.

    ``half``: it has weights in float16. ``rounded``: so many nodes make float16 of something.
    """

    outputs: Mapping[str, Term]
    operators: frozenset[str]
    half: bool
    rounded: int


def read(path: Path) -> Contents:
    """What the model at `path` computes.

    Raises whatever onnx's own readers raise where it is none.
    """
    import onnx
    from onnx import inliner

    model = onnx.load(str(path))
    if model.functions:
        check_functions(model)
        model = inliner.inline_local_functions(model)
    del model.graph.value_info[:]  # notes of whoever wrote the file, which nothing is computed by
    nodes = list(_in_order(model.graph.node))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    outputs = _Reader(model).outputs()
    every = list(_all_nodes(model.graph))
    operators = frozenset(node.op_type for node in every)
    small = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
    half = any(tensor.data_type in small for tensor in model.graph.initializer)
    casts = [attribute for node in every if node.op_type == "Cast" for attribute in node.attribute]
    return Contents(outputs, operators, half, sum(attribute.i in small for attribute in casts))


class _Reader:
    def __init__(self, model: Any) -> None:
        import onnx

        self._graph = model.graph
        self._opset = next((entry.version for entry in model.opset_import if entry.domain in _DOMAINS), 1)
        self._terms = Terms(FUNCTIONS)
        self._rules = Rules(self._terms)
        inferred = onnx.shape_inference.infer_shapes(_without_weights(model)).graph
        known = [*inferred.value_info, *inferred.input, *inferred.output]
        self._ranks = {
            value.name: len(value.type.tensor_type.shape.dim)
            for value in known
            if value.type.tensor_type.HasField("shape")
        }
        self._ranks |= {tensor.name: len(tensor.dims) for tensor in model.graph.initializer}

    def outputs(self) -> dict[str, Term]:
        """Every output's term."""
        values: dict[str, Term] = {"": self._terms.none}
        found = self._run(self._graph, values, "")
        return {value.name: term for value, term in zip(self._graph.output, found, strict=True)}

    def _run(self, graph: Any, values: dict[str, Term], within: str) -> list[Term]:
        """The outputs of `graph`, in which `values` are seen; the inputs of one `within` an operator have numbers."""
        import onnx

        numbers = {tensor.name for tensor in graph.initializer}
        for tensor in graph.initializer:
            values[tensor.name] = self._terms.constant(onnx.numpy_helper.to_array(tensor), tensor.name)
        for k, value in enumerate(graph.input):
            if value.name not in numbers:
                kind = value.type.tensor_type.elem_type
                attributes = (("name", f"{within}.{k}" if within else value.name), ("whole", kind not in (0, *FLOATS)))
                values[value.name] = self._terms.term("input", (), attributes)
        for node in _in_order(graph.node):
            self._node(node, values, within)
        return [values[value.name] for value in graph.output]

    def _node(self, node: Any, values: dict[str, Term], within: str) -> None:
        op = node.op_type if node.domain in _DOMAINS else f"{node.domain}::{node.op_type}"
        if op == "Constant":
            values[node.output[0]] = self._terms.constant(_constant(node), node.output[0])
            return
        graphs = {attribute.name: attribute.g for attribute in node.attribute if attribute.HasField("g")}
        attributes = {a.name: _plain(a) for a in node.attribute if a.name not in graphs}
        inputs = [values[name] for name in node.input]
        layer = next((prop.value for prop in node.metadata_props if prop.key == LAYER_KEY), "")
        inputs = self._moved(op, attributes, inputs)
        rank = self._rank(node.input[0], inputs[0]) if inputs else None
        normal = self._normal(op, node.domain, attributes, rank)
        inputs = [self._positive(op, k, term, rank) for k, term in enumerate(inputs)]
        while inputs and inputs[-1] is self._terms.none:
            inputs.pop()
        bodies = {name: self._run(graph, dict(values), f"{within}/{op}") for name, graph in sorted(graphs.items())}
        certain = _certain_branch(op, inputs, bodies)
        for index, name in enumerate(node.output):
            if not name:
                continue
            if certain is not None:
                values[name] = certain[index]
                continue
            counted = (*normal, *((body, len(terms)) for body, terms in bodies.items()))
            below = [*inputs, *(term for terms in bodies.values() for term in terms)]
            values[name] = self._rules.make(op, below, counted, index, rank, layer)

    def _rank(self, name: str, term: Term) -> int | None:
        """The rank of a value, by onnx's inference where that reaches it."""
        known = self._ranks.get(name)
        return rank_of(term, self._ranks) if known is None else known

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
        """Axes counted from the last and in order, where they are an input."""
        array = term.array
        if op == "Slice" and place == 3 and array is not None and rank is not None:
            return self._terms.constant(np.where(array < 0, array, array - rank))
        axes = (place == 1 and op in ("Squeeze", "Unsqueeze")) or (place == 1 and op.startswith("Reduce"))
        if not axes or array is None or not array.size:
            return term
        count = (rank or 0) + (array.size if op == "Unsqueeze" else 0)
        if rank is not None:
            array = np.where(array < 0, array, array - count)
        return self._terms.constant(np.sort(array.reshape(-1)))

    def _normal(self, op: str, domain: str, attributes: Mapping[str, Hashable], rank: int | None) -> Attributes:
        """The attributes that say something, sorted: none that has its default, axes counted from the last."""
        defaults = self._defaults(op, domain)
        found: dict[str, Hashable] = {}
        for name, value in {**defaults, **attributes}.items():
            if name == "axis" and isinstance(value, int) and value >= 0 and rank is not None and op != "Flatten":
                value -= rank
            unit = _UNIT.get(name)
            same = unit is not None and isinstance(value, tuple) and all(part == unit for part in value)
            if not same and value not in _IDLE.get(name, ()):
                found[name] = value
        if "Conv" in op:
            found.pop("kernel_shape", None)  # the weight's own
        if op == "BatchNormalization" and not found.get("training_mode"):
            found.pop("momentum", None)
        return tuple(sorted(found.items()))

    def _defaults(self, op: str, domain: str) -> dict[str, Hashable]:
        import onnx

        try:
            schema = onnx.defs.get_schema(op.rpartition("::")[2], self._opset, domain if "::" in op else "")
        except onnx.defs.SchemaError:
            return {}
        known = {name: attribute.default_value for name, attribute in schema.attributes.items()}
        return {name: _plain(value) for name, value in known.items() if value.type}


def _without_weights(model: Any) -> Any:
    """`model` with the kinds of its weights alone: inference copies them all, and asks for those of shapes only."""
    import onnx

    graph = onnx.GraphProto(name=model.graph.name, node=model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    graph.sparse_initializer.extend(model.graph.sparse_initializer)
    for tensor in model.graph.initializer:
        floating = tensor.data_type in FLOATS
        graph.initializer.append(
            onnx.TensorProto(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type) if floating else tensor
        )
    return onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, graph=graph)


def _certain_branch(op: str, inputs: Sequence[Term], bodies: Mapping[str, list[Term]]) -> list[Term] | None:
    """The outputs of the branch that an If takes, where that is certain."""
    if op != "If" or inputs[0].array is None:
        return None
    return bodies["then_branch" if inputs[0].array.all() else "else_branch"]


def _in_order(nodes: Sequence[Any]) -> Iterator[Any]:
    """The nodes, each behind those that it reads from: a tool may have left them in another order."""
    makers = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    needed = [{makers[name] for name in _reads(node) if name in makers} for node in nodes]
    readers: dict[int, list[int]] = {}
    for index, before in enumerate(needed):
        for maker in before:
            readers.setdefault(maker, []).append(index)
    ready = [index for index, before in enumerate(needed) if not before]
    heapq.heapify(ready)
    count = 0
    while ready:
        index = heapq.heappop(ready)
        count += 1
        yield nodes[index]
        for reader in readers.get(index, ()):
            needed[reader].discard(index)
            if not needed[reader]:
                heapq.heappush(ready, reader)
    if count < len(nodes):
        raise ValueError("the graph has a cycle")


def _all_nodes(graph: Any) -> Iterator[Any]:
    """The nodes of a graph, and of the graphs among their attributes."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            yield from _all_nodes(attribute.g)


def _reads(node: Any) -> Iterator[str]:
    """What a node reads, those of the graphs among its attributes too."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _reads(inner)
        yield from (value.name for value in attribute.g.output)


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
