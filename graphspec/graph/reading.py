"""What one line says in its scope: its values without expressions, what it takes, whether it exists, its operation."""

from __future__ import annotations

import contextlib
from typing import Any

from graphspec.diagnostics import Code, Diagnostic, GraphspecError, Path, quoted, suggest
from graphspec.graph.instance import Instance
from graphspec.graph.layers import Frame, Gate, Ref, Sources
from graphspec.ops import Op, UnknownOp, lookup, similar
from graphspec.spec.expressions import ExpressionError, NeedsShape
from graphspec.spec.model import NetworkSpec
from graphspec.spec.scope import Bindings

#: Values that layers take, on average, where there are as many layers as can be.
WIRES_PER_LAYER = 40


class Reader:
    """Reads lines; what is wrong in them is noted, so that all of it is said at once."""

    def __init__(self, spec: NetworkSpec, most_layers: int) -> None:
        self._blocks = list(spec.blocks)
        self._most_wires = WIRES_PER_LAYER * most_layers
        self._wires = 0
        self.faults: list[Diagnostic] = []
        self._known: set[Diagnostic] = set()

    def fault(self, code: Code, message: str, at: Path, hint: str = "") -> None:
        """Note one fault and go on, so that all of them come at once."""
        self.add(Diagnostic(code, message, at, hint))

    def add(self, fault: Diagnostic) -> None:
        """Note a fault, once however many copies of its line there are."""
        if fault not in self._known:
            self._known.add(fault)
            self.faults.append(fault)

    def closed(self, value: Any, scope: Bindings, at: Path) -> Any:
        """`value` without expressions, None (and a fault) where it has no value or needs a shape."""
        try:
            return scope.close(value)
        except NeedsShape:
            self.fault("bad-expression", f"{quoted(value)} reads a shape, which only `if` and arguments can", at)
        except ExpressionError as error:
            self.add(error.diagnostic(value, at))
        return None

    def frozen(self, instance: Instance) -> bool:
        """Whether its parameters are not trained: it says so, or the block around it."""
        freeze = self.closed(instance.line.freeze, instance.scope, (*instance.at, "freeze"))
        return instance.place.freeze or freeze is True

    def condition(self, instance: Instance) -> bool | Gate:
        """Whether it exists, as far as that can be said without shapes."""
        condition, at = instance.line.condition, (*instance.at, "if")
        if condition is None:
            return True
        try:
            return bool(instance.scope.close(condition))
        except NeedsShape:
            return Gate(condition, instance.scope, at)
        except ExpressionError as error:
            self.add(error.diagnostic(condition, at))
            return True

    def sources(self, instance: Instance) -> Sources:
        """What it takes. In a chain of copies the first input is the previous copy."""
        source, previous, where = instance.line.source, instance.previous, (*instance.at, "from")
        if source is None:
            return {0: previous} if previous else {}
        found: dict[str | int, Ref | tuple[Ref, ...]] = {}
        table = source if isinstance(source, dict) else dict(enumerate(_listed(source)))
        for key, names in table.items():
            place = where if isinstance(source, str) else (*where, key)
            listed = isinstance(names, tuple)
            refs = [
                self.reference(text, instance.scope, (*place, n) if listed else place)
                for n, text in enumerate(_listed(names))
            ]
            if None not in refs:
                found[key] = tuple(refs) if listed else refs[0]  # type: ignore[arg-type, assignment]
            self._count_wires(len(refs), where)
        if instance.chained and previous and found:
            found[next(iter(found))] = previous
        return found

    def reference(self, text: str, scope: Frame, at: Path) -> Ref | None:
        """What a name in ``from`` or ``outputs`` means in `scope`."""
        closed = self.closed(text, scope, at)
        if not isinstance(closed, str):
            return None
        name, _, selector = closed.partition(".")
        if name not in scope.values:
            hint = suggest(name, scope.values)
            if not hint and len(scope.values) <= 10:
                hint = f"there are: {', '.join(scope.values)}"
            self.fault("unknown-reference", f"no layer or input {quoted(name)} here", at, hint)
            return None
        ref = scope.values[name]
        return Ref(ref.name, selector or ref.selector)

    def op(self, kind: str, instance: Instance) -> Op | None:
        """The vocabulary's entry; for a function whose second operand is a number, that variant."""
        arguments = instance.line.args
        try:
            op = lookup(kind)
        except UnknownOp:
            hint = suggest(kind, [*similar(kind), *self._blocks]) or "`graphspec ops` lists them"
            self.fault("unknown-layer", f"no layer type {quoted(kind)}", (*instance.at, "type"), hint)
            return None
        if not op.scalar or arguments.get(op.scalar[0]) is None:
            return op
        number = arguments[op.scalar[0]]
        with contextlib.suppress(ExpressionError, NeedsShape):  # said where the argument is closed
            number = instance.scope.close(number)
        return op if isinstance(number, list | tuple) else op.scalar[1]

    def _count_wires(self, count: int, at: Path) -> None:
        """Stop where all layers together take very many values: each costs time, and copies of a line have them all."""
        self._wires += count
        if self._wires > self._most_wires:
            message = f"layers take more than {self._most_wires:,} values"
            raise GraphspecError([*self.faults, Diagnostic("too-large", message, at)])


def _listed(value: Any) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (value,)
