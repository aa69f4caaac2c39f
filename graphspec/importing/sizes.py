"""Sizes that remember how they were computed: what ``.shape`` and ``.size()`` give while a network is recorded."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class SizeOf:
    """The size of a recorded value along one dim."""

    value: Any
    dim: int


@dataclasses.dataclass(frozen=True, slots=True)
class Computed:
    """``left symbol right``, each a number or a formula."""

    symbol: str
    left: Any
    right: Any


Formula = SizeOf | Computed
#: What the language of expressions has, by the methods that Python calls for it.
_OPERATORS: dict[str, tuple[str, Callable[[int, int], int]]] = {
    "add": ("+", operator.add), "sub": ("-", operator.sub), "mul": ("*", operator.mul),
    "floordiv": ("//", operator.floordiv), "mod": ("%", operator.mod),
}  # fmt: skip


class Size(int):
    """A number with its formula. What the language of expressions cannot say gives an ordinary number."""

    formula: Formula

    def __new__(cls, value: int, formula: Formula) -> Size:
        size = super().__new__(cls, value)
        size.formula = formula
        return size

    def __neg__(self) -> Size:
        return Size(-int(self), Computed("-", 0, self.formula))

    def __truediv__(self, other: Any) -> Any:
        return Ratio(int(self) / other, (self, other)) if isinstance(other, int) else int(self) / other

    def __reduce__(self) -> Any:
        return int, (int(self),)


class Ratio(float):
    """A quotient of sizes; ``int()`` of it is no formula, ``//`` is."""

    parts: tuple[Any, Any]

    def __new__(cls, value: float, parts: tuple[Any, Any]) -> Ratio:
        ratio = super().__new__(cls, value)
        ratio.parts = parts
        return ratio


def sizes_in(formula: Any) -> Iterator[SizeOf]:
    """Every size that stands in a formula, or in those of nested lists and dicts."""
    if isinstance(formula, SizeOf):
        yield formula
    elif isinstance(formula, Computed):
        yield from sizes_in((formula.left, formula.right))
    elif isinstance(formula, Mapping):
        yield from sizes_in(tuple(formula.values()))
    elif isinstance(formula, tuple | list):
        for item in formula:
            yield from sizes_in(item)


def formula(number: Any) -> Any:
    """The formula of a size, or the number itself."""
    return number.formula if isinstance(number, Size) else number


def _method(symbol: str, function: Callable[[int, int], int], reflected: bool) -> Callable[[Size, Any], Any]:
    def method(self: Size, other: Any) -> Any:
        left, right = (other, self) if reflected else (self, other)
        if isinstance(other, float):
            return function(*(int(side) if isinstance(side, int) else side for side in (left, right)))
        if not isinstance(other, int) or isinstance(other, bool):
            return NotImplemented
        return Size(function(int(left), int(right)), Computed(symbol, formula(left), formula(right)))

    return method


def _add_operators() -> None:
    for name, (symbol, function) in _OPERATORS.items():
        setattr(Size, f"__{name}__", _method(symbol, function, reflected=False))
        setattr(Size, f"__r{name}__", _method(symbol, function, reflected=True))


_add_operators()
