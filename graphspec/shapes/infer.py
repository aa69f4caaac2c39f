"""Stage 3: every value gets a shape and a dtype by running the real layers on fake tensors, in execution order."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphspec.diagnostics import Code, Diagnostic, GraphspecError, quoted, suggest, warn
from graphspec.graph import Choice, Layer, LayerGraph, Ref
from graphspec.shapes.arguments import Arguments, Closed, close_arguments, faults_without_shapes, fit_arguments
from graphspec.shapes.budget import Budget
from graphspec.shapes.call import FrozenDim, Refused, Run
from graphspec.shapes.checks import cropped, faults_before_running, put_in, unequal
from graphspec.shapes.conditions import Ranges
from graphspec.shapes.dims import Dim, has_choice, readable
from graphspec.shapes.hints import with_hint
from graphspec.shapes.indices import Known
from graphspec.shapes.inputs import declared_ranges, input_types
from graphspec.shapes.lints import lints
from graphspec.shapes.outcomes import within
from graphspec.shapes.parameters import close_init, close_tie
from graphspec.shapes.parametrized import close_parametrize
from graphspec.shapes.run import Runner, signature
from graphspec.shapes.shaped import ShapedGraph, ShapedLayer, TensorType, ValueRef
from graphspec.shapes.torch_fault import torch_fault, with_shapes
from graphspec.spec.expressions import ExpressionError
from graphspec.spec.scope import Bindings

#: The arguments of a layer, what it gives, and the sizes that it takes.
Judgement = tuple[Arguments, Run, Ranges]


def infer(graph: LayerGraph, budget: Budget | None = None) -> ShapedGraph:
    """Give every value a shape, close every expression and fill every omitted argument.

    Raises:
        GraphspecError: with the faults of all layers whose inputs are known.
    """
    runner = Runner()
    ranges: Ranges = {name: (given.min, given.max) for name, given in declared_ranges(graph.spec).items()}
    while True:
        inference = _Inference(graph, dataclasses.replace(budget or Budget()), runner, ranges)
        shaped = inference.result()
        # a choice that a formula still holds may be settled by what a later layer needs
        if shaped.dims == ranges or not any(has_choice(dim) for dim in _formulas(shaped)):
            break
        ranges = shaped.dims
    for lint in lints(graph, inference.layers, shaped.outputs, inference.outputs):
        warn(lint.code, lint.message, lint.at, lint.hint)
    return shaped


def known_part(graph: LayerGraph) -> ShapedGraph:
    """The layers before the first faults, with their shapes, and no outputs: what can be shown of a wrong network."""
    ranges: Ranges = {name: (given.min, given.max) for name, given in declared_ranges(graph.spec).items()}
    inference = _Inference(graph, Budget(), Runner(), ranges)
    with contextlib.suppress(GraphspecError):
        inference.result()
    return ShapedGraph(graph.spec, inference.inputs, tuple(inference.layers.values()), {}, inference.ranges)


class _Inference:
    """What is known so far: types of values, the range of each dim, and which choices fell which way."""

    def __init__(self, graph: LayerGraph, budget: Budget, runner: Runner, ranges: Ranges) -> None:
        self.graph = graph
        self.budget = budget
        self.runner = runner
        self.ranges = ranges
        self.runs: dict[Any, tuple[Run, Ranges] | Exception] = {}
        self.judgements: dict[Any, Judgement] = {}
        self.inputs = input_types(graph.spec)
        self.outputs: dict[str, Mapping[tuple[int, ...], TensorType]] = {n: {(): k} for n, k in self.inputs.items()}
        self.bounds = Known(self.inputs)
        self.decided: dict[str, Ref] = {}
        self.gates: dict[int, bool] = {}
        self.layers: dict[str, ShapedLayer] = {}
        self.broken: set[str] = set()
        self.faults: list[Diagnostic] = []

    def result(self) -> ShapedGraph:
        """Walk the nodes; everything behind a fault is left out, so that one fault is reported once."""
        for name, kind in self.inputs.items():
            self.budget.value(kind, "input", name, ("inputs", name))
        for name, node in self.graph.nodes.items():
            if isinstance(node, Choice):
                self.choose(name, node)
            elif all(map(self.holds, node.gates)):
                if self.broken and any(self.behind(ref) in self.broken for ref in node.references()):
                    self.faults += faults_without_shapes(node)
                    self.broken.add(name)
                else:
                    self.layer(node)
        outputs = (
            {n: self.value(ref, ("outputs", n)) for n, ref in self.graph.outputs.items()} if not self.faults else {}
        )
        if self.faults:
            raise GraphspecError(self.faults)
        layers = tuple(self.layers.values())
        return ShapedGraph(self.graph.spec, self.inputs, layers, outputs, self.ranges)  # type: ignore[arg-type]

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
                self.faults.append(error.diagnostic(gate.condition, gate.at))
                self.gates[id(gate)] = False
        return self.gates[id(gate)]

    def shape_of(self, scope: Bindings, reference: str) -> Sequence[Any]:
        """The sizes of the value that an expression calls `reference`."""
        name, _, selector = reference.partition(".")
        frame: Any = scope
        while frame is not None and name not in getattr(frame, "values", {}):
            frame = frame.outer
        if frame is None:
            raise ExpressionError(f"there is no layer or input {quoted(name)} here")
        local = frame.values[name]
        value = self.value(self.graph.follow(Ref(local.name, selector or local.selector)), None)
        if value is None:
            raise ExpressionError(f"the shape of {quoted(reference)} is not known here")
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
        types = self.types(operands)
        closed = close_arguments(node, self.shape_of)
        key = node.op.factory, signature(node.op, closed, operands, types), *self.ranges.items()
        found = self.judgements.get(key)
        if found is None:
            found = self.judged(node, closed, operands, types)
            if found is None:
                return None
            if not self.bounds.asks(node.op.name):
                self.judgements[key] = found
        arguments, result, self.ranges = found
        return self.finished(node, arguments, operands, result, types)

    def judged(
        self, node: Layer, closed: Closed, operands: Mapping[str, Any], types: Mapping[ValueRef, TensorType]
    ) -> Judgement | None:
        """What is the case for every layer that is written as this one, on values of these types; or its faults."""
        inputs = {
            f"{port}.{n}" if isinstance(value, tuple) else port: types[ref]
            for port, value in operands.items()
            for n, ref in enumerate(value if isinstance(value, tuple) else (value,))
        }
        arguments = fit_arguments(node, closed, inputs)
        faults = list(arguments.faults)
        if not faults:
            everything = {**arguments.constructor, **arguments.options}
            faults += faults_before_running(node, inputs, everything, arguments.broadcast)
        if faults:
            self.faults += [with_shapes(fault, types) for fault in faults]
            return None
        equal = unequal(node, inputs, arguments.broadcast)
        given = {**arguments.constructor, **arguments.options, **operands}
        indexed = self.bounds.needed(node.op.name, given, types)
        needed = (*indexed, *cropped(node, inputs, given), *put_in(node, inputs, given))
        found = self.run(node, arguments, {**operands, **arguments.options}, types, (equal, needed))
        for kind in found[0].outputs.values() if found else ():
            self.budget.value(kind, "the output of layer", node.label, node.at)
        return found and (arguments, *found)

    def finished(
        self,
        node: Layer,
        arguments: Arguments,
        operands: Mapping[str, Any],
        result: Run,
        types: Mapping[ValueRef, TensorType],
    ) -> ShapedLayer | None:
        name = node.label
        owner = self.layers.get(node.module.removesuffix("?")) if node.module != name else None
        if owner and owner.arguments != arguments.constructor:
            wanted = arguments.constructor
            key = next(key for key in wanted if wanted[key] != owner.arguments.get(key))
            message = f"layer {quoted(name)} reuses {quoted(owner.name)}, whose {key} is {owner.arguments.get(key)}"
            self.fault("shape-mismatch", f"{message}, but its input wants {wanted[key]}", node.at)
            return None
        parameters = {} if owner else result.parameters
        init, init_faults = close_init(node, parameters)
        computed, parameters, computed_faults = close_parametrize(node, parameters)
        tie, tie_faults = close_tie(node, parameters, self.layers, self.graph)
        self.faults += [*init_faults, *computed_faults, *tie_faults]
        shaped = ShapedLayer(
            name, owner.name if owner else name, node.op, arguments.constructor, {**operands, **arguments.options},
            result.outputs, parameters, result.flops, node.at, init, node.freeze, tie, node.keep, computed,
        )  # fmt: skip
        self.bounds.add(shaped, types)
        if parameters:
            self.budget.parameters(shaped)
        return shaped

    def operands(self, node: Layer) -> dict[str, Any] | None:
        """The values each port is given."""
        found: dict[str, Any] = {}
        at = (*node.at, "from")
        for port, source in node.sources.items():
            refs = [self.value(ref, at) for ref in (source if isinstance(source, tuple) else (source,))]
            if not all(refs):
                return None
            found[str(port)] = tuple(refs) if isinstance(source, tuple) else refs[0]
        return found

    def types(self, operands: Mapping[str, Any]) -> dict[ValueRef, TensorType]:
        """The type of each value in `operands`."""
        refs = [ref for value in operands.values() for ref in (value if isinstance(value, tuple) else (value,))]
        return {ref: self.outputs[ref.layer][ref.index] for ref in refs}

    def run(
        self,
        node: Layer,
        arguments: Arguments,
        operands: Mapping[str, Any],
        types: Mapping[ValueRef, TensorType],
        conditions: tuple[Sequence[Any], Sequence[tuple[Any, str]]],
    ) -> tuple[Run, Ranges] | None:
        """Run the layer on fake tensors, or remember the run of one just like it; with the ranges that it works for.

        `conditions`: equations of sizes, and what else has to hold of them with what to say where it does not.
        """
        equal, needed = conditions
        form = signature(node.op, arguments.constructor, operands, types)
        key = form, tuple(self.ranges.items()), tuple(equal), tuple(needed)
        if key not in self.runs:
            try:
                run, ranges = self.runner.run(node.op, arguments.constructor, operands, types, self.ranges, equal)
                self.runs[key] = within(run, ranges, needed) if needed else (run, ranges)
            except (FrozenDim, Refused) as error:
                self.runs[key] = error
        found = self.runs[key]
        if isinstance(found, Exception):
            fault = with_shapes(torch_fault(node, found, types), types)
            self.faults.append(fault if fault.hint else with_hint(node, fault, types, self.inputs))
            return None
        return found

    def fault(self, code: Code, message: str, at: Any, hint: str = "") -> None:
        fault = Diagnostic(code, message, at, hint)
        if fault not in self.faults:
            self.faults.append(fault)


def _formulas(shaped: ShapedGraph) -> Iterator[Dim]:
    return (dim for layer in shaped.layers for kind in layer.outputs.values() for dim in kind.shape)
