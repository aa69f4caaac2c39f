"""What one line says in its scope: its values without expressions, what it takes, whether it exists, its operation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from graphspec.diagnostics import Code, Diagnostic, GraphspecError, Path, quoted, suggest
from graphspec.graph.instance import Instance
from graphspec.graph.layers import Frame, Gate, Ref, Sources
from graphspec.graph.python_call import spec_of
from graphspec.losses import LOSSES, UNNAMED
from graphspec.ops import Op, UnknownOp, lookup, similar
from graphspec.ops.backbones import backbones
from graphspec.spec.expressions import ExpressionError, NeedsShape
from graphspec.spec.model import BlockSpec, LayerSpec, NetworkSpec
from graphspec.spec.scope import Bindings

#: Values that layers take, on average, where there are as many layers as can be.
WIRES_PER_LAYER = 5


class Reader:
    """Reads lines; what is wrong in them is noted, so that all of it is said at once."""

    def __init__(self, spec: NetworkSpec, most_layers: int) -> None:
        self._blocks = spec.blocks
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
        freeze = instance.line.freeze
        if isinstance(freeze, str):
            freeze = self.closed(freeze, instance.scope, (*instance.at, "freeze"))
        return instance.place.freeze or freeze is True

    def condition(self, instance: Instance) -> bool | Gate:
        """Whether it exists, as far as that can be said without shapes."""
        condition = instance.line.condition
        if condition is None:
            return True
        at = (*instance.at, "if")
        try:
            return bool(instance.scope.close(condition))
        except NeedsShape:
            return Gate(condition, instance.scope, at)
        except ExpressionError as error:
            self.add(error.diagnostic(condition, at))
            return True

    def sources(self, instance: Instance) -> Sources:
        """What it takes. In a chain of copies the first input is the previous copy, or all of its values."""
        source, where = instance.line.source, (*instance.at, "from")
        handed = self._handed_on(instance) if source is None or instance.chained else {}
        if source is None:
            return dict(enumerate(handed.values()))
        found: dict[str | int, Ref | tuple[Ref, ...]] = {}
        entries: Iterable[tuple[str | int, str | tuple[str, ...]]]
        entries = source.items() if isinstance(source, dict) else enumerate(_listed(source))
        for key, names in entries:
            given = self._given(names, instance.scope, where if isinstance(source, str) else (*where, key))
            if given is not None:
                found[key] = given
            self._count_wires(1 if isinstance(names, str) else len(names), where)
        if instance.chained and found:
            for number, (name, ref) in enumerate(handed.items()):
                found[next(iter(found)) if not name else name if name in found else number] = ref
        return found

    def _given(self, names: str | tuple[str, ...], scope: Frame, at: Path) -> Ref | tuple[Ref, ...] | None:
        """What one input takes: a value, or a list of them; None where a name means nothing here."""
        if isinstance(names, str):
            return self.reference(names, scope, at)
        found = [self.reference(text, scope, (*at, number)) for number, text in enumerate(names)]
        refs = tuple([ref for ref in found if ref is not None])
        return refs if len(refs) == len(found) else None

    def _handed_on(self, instance: Instance) -> dict[str, Ref]:
        """The values of the layer before, by the inputs that they are for; "" is the first, whatever it is called.

        A copy in a chain takes all values of the copy before, if that has as many as inputs.
        """
        previous, line = instance.previous, instance.line
        if previous is None:
            return {}
        original = instance.place.body.layers.get(line.reuse) if line.reuse else line
        block = self._several(original, instance.scope) if instance.chained and original else None
        if block is None:
            return {"": previous}
        outputs = zip(block.inputs, block.outputs or {}, strict=True)
        return {name: Ref(previous.name, output) for name, output in outputs}

    def _several(self, line: LayerSpec, scope: Frame) -> BlockSpec | None:
        """The block that a line uses, if it has several outputs, one for each of its inputs."""
        block = None
        with contextlib.suppress(ExpressionError, NeedsShape):  # said where the type is closed
            kind = scope.close(line.type)
            block = self._blocks.get(kind) if isinstance(kind, str) else None
        several = block is not None and block.outputs is not None and 1 < len(block.outputs) == len(block.inputs)
        return block if several else None

    def passed_through(self, instance: Instance, sources: Sources, first: Ref) -> dict[str, Ref]:
        """What the name of a layer means that does not exist: its first input, or each where it has as many outputs."""
        block = self._several(instance.line, instance.scope)
        if block is None or len(block.inputs) != len(sources):
            return {"": first}
        given = [sources.get(name, sources.get(number)) for number, name in enumerate(block.inputs)]
        outputs = zip(block.outputs or {}, given, strict=True)
        return {output: ref for output, ref in outputs if isinstance(ref, Ref)}

    def reference(self, text: str, scope: Frame, at: Path) -> Ref | None:
        """What a name in ``from`` or ``outputs`` means in `scope`."""
        if text in scope.values:
            return scope.values[text]
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
            absent = kind.startswith("timm.") and not backbones("timm.")
            python = spec_of(kind)
            hint = suggest(kind, [*similar(kind), *self._blocks]) or "`graphspec ops` lists them"
            hint = f"write {python}" if python else hint
            hint = "pip install 'graphspec[timm]'" if absent else _for_loss(kind) or hint
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


def _for_loss(kind: str) -> str:
    """What to do with a loss that is named as a layer; empty where `kind` is none."""
    if kind in UNNAMED:
        return UNNAMED[kind][1]
    return f'a loss stands in [train]: loss = "{kind}"' if kind in LOSSES else ""


def _listed(value: Any) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (value,)
