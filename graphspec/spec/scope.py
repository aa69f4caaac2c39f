"""What the names in an expression mean: variables, computed when asked for, in the scope that wrote them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphspec.diagnostics import quoted, suggest
from graphspec.spec.expressions import DEEPEST, VOCABULARY, ExpressionError, NeedsShape, UnknownVariable, check_length
from graphspec.spec.interpolation import Meter, is_closed, resolve

#: Gives the sizes of the value that is called `reference` in a scope.
ShapeOf = Callable[["Bindings", str], Sequence[Any]]


@dataclasses.dataclass(frozen=True, eq=False)
class Bindings:
    """The variables of a model or of one use of a block; they may refer to each other in any order.

    `given` are values from outside, each with the scope that wrote it; they win over `defaults`. Names found in neither
    are looked up in `outer`. Everything computed for one network is noted in one `meter`.
    """

    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    given: Mapping[str, tuple[Any, Bindings]] = dataclasses.field(default_factory=dict)
    outer: Bindings | None = None
    meter: Meter = dataclasses.field(default_factory=Meter)
    #: values of variables that read no shape, or why they have none: the same for every copy of a line
    known: dict[str, Any] = dataclasses.field(default_factory=dict, init=False, repr=False)
    failed: dict[str, ExpressionError] = dataclasses.field(default_factory=dict, init=False, repr=False)

    def close(self, value: Any, shape_of: ShapeOf | None = None) -> Any:
        """`value` with every ``${…}`` in it replaced.

        Raises:
            ExpressionError: an unknown name, a circle of variables, or an operation without a result.
            NeedsShape: a shape is read and `shape_of` is None.
        """
        if is_closed(value):
            return value
        try:
            return resolve(value, _Closing(self, _Evaluation(shape_of), ()))
        except RecursionError:
            raise ExpressionError("variables and expressions are nested too deep") from None

    def names(self) -> set[str]:
        """Every variable that can be named here."""
        return {*self.defaults, *self.given, *(self.outer.names() if self.outer else ())}


@dataclasses.dataclass
class _Evaluation:
    """What one evaluation knows: the variables so far, which of them read shapes, and how often shapes were read."""

    shape_of: ShapeOf | None
    values: dict[tuple[int, str], Any] = dataclasses.field(default_factory=dict)
    shaped: set[tuple[int, str]] = dataclasses.field(default_factory=set)
    reads: int = 0


@dataclasses.dataclass(frozen=True)
class _Closing:
    """A place in an evaluation: the scope, and the variables being computed (to see a circle).

    Each variable is computed once, or sixty that double each other would take forever.
    """

    bindings: Bindings
    run: _Evaluation
    asking: tuple[tuple[int, str], ...]

    def variable(self, name: str) -> Any:
        here: Bindings | None = self.bindings
        while here and name not in here.given and name not in here.defaults:
            here = here.outer
        if here is None:
            known = self.bindings.names()
            raise UnknownVariable(name, suggest(name, known) or _known_ones(name, known))
        key = (id(here), name)
        if key in self.asking:
            circle = " → ".join([*(asked for _, asked in self.asking), name])
            raise ExpressionError(f"the variable {quoted(name)} is defined by itself: {circle}")
        if name in here.known:
            return here.known[name]
        if name in here.failed:
            raise _placeless(here.failed[name])
        if key not in self.run.values:
            before = self.run.reads
            self.run.values[key] = self._computed(here, name, key)
            if self.run.reads == before:
                here.known[name] = self.run.values[key]
            else:
                self.run.shaped.add(key)
        elif key in self.run.shaped:
            self.run.reads += 1
        return self.run.values[key]

    def _computed(self, here: Bindings, name: str, key: tuple[int, str]) -> Any:
        value, scope = here.given.get(name) or (here.defaults[name], here)
        before = self.run.reads
        try:
            if len(self.asking) >= DEEPEST:
                raise ExpressionError(f"variables are nested more than {DEEPEST} deep")
            check_length(value)
            value = resolve(value, _Closing(scope, self.run, (*self.asking, key)))
            check_length(value)
        except ExpressionError as error:
            if self.run.reads == before:
                here.failed[name] = error
            raise _placeless(error) from None
        return value

    def shape(self, reference: str) -> Sequence[Any]:
        self.run.reads += 1
        if self.run.shape_of is None:
            raise NeedsShape(reference)
        return self.run.shape_of(self.bindings, reference)

    def spend(self, count: int) -> None:
        self.bindings.meter.spend(count)

    def is_plain(self, value: Sequence[Any]) -> bool:
        return self.bindings.meter.plain.get(id(value)) is value

    def note_plain(self, value: Sequence[Any]) -> None:
        self.bindings.meter.plain[id(value)] = value


def _known_ones(name: str, known: set[str]) -> str:
    """What could be meant by `name`, which no scope defines."""
    ids = sorted(each for each in known if each.startswith(f"{VOCABULARY}."))
    if name.startswith(f"{VOCABULARY}."):
        return f"the data know {', '.join(ids)}" if ids else "layers know it, once [data] have given that input ids"
    return f"variables here: {', '.join(sorted(known)) or 'none'}"


def _placeless(error: ExpressionError) -> ExpressionError:
    """`error` without its place, which is in another text than the one that names the variable."""
    error.span = None
    return error.with_traceback(None)
