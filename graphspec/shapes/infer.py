"""Stage 3: every value gets a shape and a dtype by running the real layers on fake tensors, in execution order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from graphspec.diagnostics import Diagnostic, GraphspecError, quoted, suggest
from graphspec.graph import Choice, Layer, LayerGraph, Ref
from graphspec.shapes.arguments import Arguments, close_arguments
from graphspec.shapes.budget import Budget
from graphspec.shapes.checks import faults_before_running, lint
from graphspec.shapes.dims import dim_text, readable, symbol
from graphspec.shapes.fake import FrozenDim, Run, run
from graphspec.shapes.limits import dim_limits
from graphspec.shapes.parameters import close_init, close_tie
from graphspec.shapes.shaped import ShapedGraph, ShapedLayer, TensorType, ValueRef
from graphspec.spec.expressions import ExpressionError
from graphspec.spec.model import NetworkSpec
from graphspec.spec.scope import Bindings


def infer(graph: LayerGraph, budget: Budget | None = None) -> ShapedGraph:
    """Give every value a shape, close every expression and fill every omitted argument.

    Raises:
        GraphspecError: with the faults of all layers whose inputs are known.
    """
    return _Inference(graph, budget or Budget()).result()


class _Inference:
    """What is known so far: types of values, which choices fell which way, and runs remembered by their signature."""

    def __init__(self, graph: LayerGraph, budget: Budget) -> None:
        self.graph = graph
        self.budget = budget
        self.inputs = _input_types(graph.spec)
        self.outputs: dict[str, Mapping[tuple[int, ...], TensorType]] = {n: {(): k} for n, k in self.inputs.items()}
        self.decided: dict[str, Ref] = {}
        self.gates: dict[int, bool] = {}
        self.layers: dict[str, ShapedLayer] = {}
        self.broken: set[str] = set()
        self.runs: dict[Any, Run | Exception] = {}
        self.faults: list[Diagnostic] = []

    def result(self) -> ShapedGraph:
        """Walk the nodes; everything behind a fault is left out, so that one fault is reported once."""
        for kind in self.inputs.values():
            self.budget.value(kind, ("inputs",))
        for name, node in self.graph.nodes.items():
            if isinstance(node, Choice):
                self.choose(name, node)
            elif all(self.holds(gate) for gate in node.gates):
                if not any(self.behind(ref) in self.broken for ref in node.references()):
                    self.layer(node)
                else:
                    self.broken.add(name)
        outputs = (
            {n: self.value(ref, ("outputs", n)) for n, ref in self.graph.outputs.items()} if not self.faults else {}
        )
        if self.faults:
            raise GraphspecError(self.faults)
        layers = tuple(self.layers.values())
        dims = dim_limits(self.inputs, layers)
        return ShapedGraph(self.graph.spec, self.inputs, layers, outputs, dims)  # type: ignore[arg-type]

    def choose(self, name: str, choice: Choice) -> None:
        """Decide a conditional: from here on its name means one of its two values."""
        if not all(self.holds(gate) for gate in choice.gates):
            return
        self.decided[name] = choice.then if self.holds(choice.gate) else choice.otherwise

    def holds(self, gate: Any) -> bool:
        """Whether an `if` is true, computed once."""
        if id(gate) not in self.gates:
            try:
                self.gates[id(gate)] = bool(gate.scope.close(gate.condition, self.shape_of))
            except ExpressionError as error:
                self.fault("bad-expression", f"{quoted(gate.condition)}: {error}", gate.at)
                self.gates[id(gate)] = False
        return self.gates[id(gate)]

    def shape_of(self, scope: Bindings, reference: str) -> Sequence[Any]:
        """The sizes of the value that an expression calls `reference`."""
        name, _, selector = reference.partition(".")
        frame: Any = scope
        while frame is not None and name not in getattr(frame, "values", {}):
            frame = frame.outer
        if frame is None:
            raise ExpressionError(f"there is no layer or input {name!r} here")
        local = frame.values[name]
        value = self.value(self.graph.follow(Ref(local.name, selector or local.selector)), None)
        if value is None:
            raise ExpressionError(f"the shape of {reference!r} is not known here")
        return [readable(dim) for dim in self.outputs[value.layer][value.index].shape]

    def behind(self, ref: Ref) -> str:
        """The layer or input that a reference ends at, through decided choices."""
        while ref.name in self.decided:
            ref = self.graph.follow(self.decided[ref.name])
        return ref.name

    def value(self, ref: Ref, at: Any) -> ValueRef | None:
        """A reference as a value with an index path; a fault where the layer has no such value."""
        selector = ref.selector
        while ref.name in self.decided:
            ref = self.graph.follow(self.decided[ref.name])
            selector = selector or ref.selector
        name = ref.name.removesuffix("?")
        found = self.outputs.get(name)
        if found is None:
            return None
        if not selector:
            return ValueRef(name, next(iter(found)))
        names = self.layers[name].op.values if name in self.layers else {}
        index = names.get(selector) or (
            tuple(int(part) for part in selector.split(".")) if re.fullmatch(r"\d+(\.\d+)*", selector) else None
        )
        if index is not None and index in found:
            return ValueRef(name, index)
        known = list(names) or [".".join(map(str, index)) for index in found if index]
        hint = suggest(selector, known) or (f"its values: {', '.join(known)}" if known else "it gives a single value")
        self.fault("unknown-reference", f"{quoted(name)} has no value {quoted(selector)}", at or (), hint)
        return None

    def layer(self, node: Layer) -> None:
        """Type one layer, or note its faults."""
        before = len(self.faults)
        shaped = self.shaped(node)
        if shaped is None or len(self.faults) > before:
            self.broken.add(node.name)
        else:
            self.layers[shaped.name] = shaped
            self.outputs[shaped.name] = shaped.outputs

    def shaped(self, node: Layer) -> ShapedLayer | None:
        operands = self.operands(node)
        if operands is None:
            return None
        refs = [ref for value in operands.values() for ref in (value if isinstance(value, tuple) else (value,))]
        types = {ref: self.outputs[ref.layer][ref.index] for ref in refs}
        inputs = {
            f"{port}.{n}" if isinstance(value, tuple) else port: types[ref]
            for port, value in operands.items()
            for n, ref in enumerate(value if isinstance(value, tuple) else (value,))
        }
        owner = self.layers.get(node.module.removesuffix("?")) if node.module != node.name.removesuffix("?") else None
        arguments = close_arguments(node, inputs, self.shape_of)
        self.faults += arguments.faults
        everything = {**arguments.constructor, **arguments.options}
        if not arguments.faults:
            self.faults += faults_before_running(node, inputs, everything, arguments.broadcast)
        if self.faults and self.faults[-1].at[: len(node.at)] == node.at:
            return None
        self.lint(node, inputs, refs, arguments)
        result = self.run(node, arguments, {**operands, **arguments.options}, types)
        if result is None:
            return None
        return self.finished(node, arguments, operands, result, owner)

    def finished(
        self, node: Layer, arguments: Arguments, operands: Mapping[str, Any], result: Run, owner: ShapedLayer | None
    ) -> ShapedLayer | None:
        name = node.name.removesuffix("?")
        if owner and owner.arguments != arguments.constructor:
            wanted = arguments.constructor
            key = next(key for key in wanted if wanted[key] != owner.arguments.get(key))
            message = f"layer {quoted(name)} reuses {quoted(owner.name)}, whose {key} is {owner.arguments.get(key)}"
            self.fault("shape-mismatch", f"{message}, but its input wants {wanted[key]}", node.at)
            return None
        parameters = {} if owner else result.parameters
        init, init_faults = close_init(node, parameters)
        tie, tie_faults = close_tie(node, parameters, self.layers, self.graph)
        self.faults += [*init_faults, *tie_faults]
        shaped = ShapedLayer(
            name, owner.name if owner else name, node.op, arguments.constructor, {**operands, **arguments.options},
            result.outputs, parameters, result.flops, node.at, init, node.freeze, tie,
        )  # fmt: skip
        self.budget.parameters(shaped)
        for kind in result.outputs.values():
            self.budget.value(kind, node.at)
        return shaped

    def operands(self, node: Layer) -> dict[str, Any] | None:
        """The values each port is given."""
        found: dict[str, Any] = {}
        at = (*node.at, "from")
        for port, source in node.sources.items():
            refs = [self.value(ref, at) for ref in (source if isinstance(source, tuple) else (source,))]
            if any(ref is None for ref in refs):
                return None
            found[str(port)] = tuple(refs) if isinstance(source, tuple) else refs[0]
        return found

    def lint(
        self, node: Layer, inputs: Mapping[str, TensorType], refs: Sequence[ValueRef], arguments: Arguments
    ) -> None:
        producer = self.graph.nodes.get(refs[0].layer) if refs else None
        lint(node, inputs, producer if isinstance(producer, Layer) else None, arguments.constructor)

    def run(
        self, node: Layer, arguments: Arguments, operands: Mapping[str, Any], types: Mapping[ValueRef, TensorType]
    ) -> Run | None:
        """Run the layer on fake tensors, or remember the run of one just like it."""
        order = {ref: number for number, ref in enumerate(types)}
        key = _hashable((node.op.name, arguments.constructor, _numbered(operands, order), tuple(types.values())))
        if key not in self.runs:
            try:
                self.runs[key] = run(node.op, arguments.constructor, operands, types)
            except Exception as error:  # whatever torch raises is its answer about this layer
                self.runs[key] = error
        found = self.runs[key]
        if isinstance(found, Run):
            return found
        self.faults.append(_torch_fault(node, found, [*types.values()]))
        return None

    def fault(self, code: str, message: str, at: Any, hint: str = "") -> None:
        fault = Diagnostic(code, message, at, hint)
        if fault not in self.faults:
            self.faults.append(fault)


def _torch_fault(node: Layer, error: Exception, types: Sequence[TensorType]) -> Diagnostic:
    """torch's objection as one line, with the shapes that it objected to."""
    notes = tuple(f"input: {kind}" for kind in types)
    name = quoted(node.name.removesuffix("?"))
    if isinstance(error, FrozenDim):
        dims = ", ".join(sorted({dim_text(dim) for kind in types for dim in kind.shape if not isinstance(dim, int)}))
        message = f"layer {name}: {node.op.name} works only for a fixed size of {dims}"
        return Diagnostic("dynamic-dim", message, node.at, "give the input a number there", notes)
    text = re.sub(r"\s+", " ", str(error).strip()).split(" Exception raised from")[0] or type(error).__name__
    text = re.sub(r"torch\.Size\(\[.*?\]\)", "this input", text)
    return Diagnostic("shape-mismatch", f"layer {name}: {node.op.name}: {text[:300]}", node.at, "", notes)


def _input_types(spec: NetworkSpec) -> dict[str, TensorType]:
    faults = []
    types = {}
    for name, given in spec.inputs.items():
        for index, dim in enumerate(given.shape):
            if isinstance(dim, int) and not 1 <= dim < 2**31:
                code = "bad-value" if dim < 1 else "too-large"
                faults.append(
                    Diagnostic(code, f"input {quoted(name)} has a dim of {dim}", ("inputs", name, index), "at least 1")
                )
        shape = tuple(symbol(dim) if isinstance(dim, str) else dim for dim in given.shape)
        types[name] = TensorType(shape, getattr(torch, given.dtype))
    if faults:
        raise GraphspecError(faults)
    return types


def _numbered(operands: Mapping[str, Any], order: Mapping[ValueRef, int]) -> dict[str, Any]:
    """Operands with values by number, so that equal calls on other values look equal."""

    def number(value: Any) -> Any:
        if isinstance(value, ValueRef):
            return ("value", order[value])
        return type(value)(number(item) for item in value) if isinstance(value, list | tuple) else value

    return {name: number(value) for name, value in operands.items()}


def _hashable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple((key, _hashable(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return tuple(_hashable(item) for item in value)
    return (type(value).__name__, value) if isinstance(value, bool) else value
