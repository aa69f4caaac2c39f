"""What the names in an expression mean: variables, computed when asked for, in the scope that wrote them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphspec.diagnostics import quoted, suggest
from graphspec.spec.expressions import ExpressionError, NeedsShape, UnknownVariable, check_length
from graphspec.spec.interpolation import Meter, resolve

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

    def close(self, value: Any, shape_of: ShapeOf | None = None) -> Any:
        """`value` with every ``${…}`` in it replaced.

        Raises:
            ExpressionError: an unknown name, a circle of variables, or an operation without a result.
            NeedsShape: a shape is read and `shape_of` is None.
        """
        try:
            return resolve(value, _Closing(self, shape_of, (), {}))
        except RecursionError:
            raise ExpressionError("variables and expressions are nested too deep") from None

    def names(self) -> set[str]:
        """Every variable that can be named here."""
        return {*self.defaults, *self.given, *(self.outer.names() if self.outer else ())}


@dataclasses.dataclass(frozen=True)
class _Closing:
    """One evaluation: the scope, what knows shapes, the variables being computed (to see a circle) and those known.

    Each variable is computed once, or sixty that double each other would take forever.
    """

    bindings: Bindings
    shape_of: ShapeOf | None
    asking: tuple[tuple[int, str], ...]
    values: dict[tuple[int, str], Any]

    def variable(self, name: str) -> Any:
        here: Bindings | None = self.bindings
        while here and name not in here.given and name not in here.defaults:
            here = here.outer
        if here is None:
            known = self.bindings.names()
            hint = suggest(name, known) or f"variables here: {', '.join(sorted(known)) or 'none'}"
            raise UnknownVariable(name, hint)
        key = (id(here), name)
        if key in self.asking:
            circle = " → ".join([*(asked for _, asked in self.asking), name])
            raise ExpressionError(f"the variable {quoted(name)} is defined by itself: {circle}")
        if key not in self.values:
            value, scope = here.given.get(name) or (here.defaults[name], here)
            check_length(value)
            try:
                self.values[key] = resolve(value, _Closing(scope, self.shape_of, (*self.asking, key), self.values))
            except ExpressionError as error:
                error.span = None  # of another text than the one that names the variable
                raise
            check_length(self.values[key])
        return self.values[key]

    def shape(self, reference: str) -> Sequence[Any]:
        if self.shape_of is None:
            raise NeedsShape(reference)
        return self.shape_of(self.bindings, reference)

    def spend(self, count: int) -> None:
        self.bindings.meter.spend(count)
