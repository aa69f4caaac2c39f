"""The least and the greatest of whole numbers as formulas of the sizes.

A bound holds for all values; it is `met` where it is certain that some value reaches it: the last place along a dim,
where an input has nothing but True. Two bounds that are met under other conditions need not be met together: ``x - x``
is no T − 1.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import sympy
import torch

from graphspec.shapes.dims import SizeExpr
from graphspec.system.torch_private import Max, Min

#: What is the case where a bound is met: (of what, which). Of a dim, counted from behind, it is a place: two values
#: along one dim are at one place. `SOMEWHERE` is a dim that is not known. Of an input it is how all its values are.
Condition = tuple[int | str, str]
SOMEWHERE = 0
_BITS = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Bound:
    """One end of the values; ``met`` is None where it may be that no value reaches it."""

    size: Any
    met: frozenset[Condition] | None = frozenset()

    def with_(self, other: Bound, size: Any) -> Bound:
        """`size`, met where this and the other are, if that can be."""
        if self.met is None or other.met is None:
            return Bound(size, None)
        both = self.met | other.met
        placed = [{of for of, _ in met if isinstance(of, int)} for met in (self.met, other.met)]
        unsure = self.met != other.met and all(placed) and any(SOMEWHERE in dims for dims in placed)
        return Bound(size, None if unsure or len(dict(both)) < len(both) else both)


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the greatest of the values."""

    least: Bound
    greatest: Bound

    def turned(self) -> Bounds:
        """Of the values with the other sign."""
        return Bounds(Bound(-self.greatest.size, self.greatest.met), Bound(-self.least.size, self.least.met))

    def plus(self, other: Bounds) -> Bounds:
        pairs = ((self.least, other.least), (self.greatest, other.greatest))
        return Bounds(*(one.with_(two, one.size + two.size) for one, two in pairs))

    def times(self, other: Bounds) -> Bounds | None:
        """None where either may be below 0."""
        if not (is_natural(self) and is_natural(other)):
            return None
        pairs = ((self.least, other.least), (self.greatest, other.greatest))
        return Bounds(*(one.with_(two, one.size * two.size) for one, two in pairs))

    def between(self, low: Any, high: Any) -> Bounds:
        """Of the values held within numbers, each None where there is none."""

        def held(end: Bound) -> Bound:
            size = end.size if low is None else Max(end.size, sympy.Integer(low))
            return dataclasses.replace(end, size=size if high is None else Min(size, sympy.Integer(high)))

        return Bounds(held(self.least), held(self.greatest))

    def moved(self, dims: Callable[[int], int], layer: str = "") -> Bounds:
        """Of the values with their dims at other places; where `layer` is given, it puts them in another order."""

        def at(end: Bound) -> Bound:
            found = [(dims(of), which + layer) if isinstance(of, int) else (of, which) for of, which in end.met or ()]
            return end if end.met is None else Bound(end.size, frozenset(found))

        return Bounds(at(self.least), at(self.greatest))

    @property
    def uncertain(self) -> Bounds:
        """Of some of the values."""
        return Bounds(Bound(self.least.size, None), Bound(self.greatest.size, None))


def is_natural(bounds: Bounds) -> bool:
    """Whether no value is below 0."""
    return bool(sympy.sympify(bounds.least.size).is_nonnegative)


def fits(bounds: Bounds, dtype: torch.dtype) -> bool:
    """Whether `dtype` holds the bounds where sizes are small; beyond it numbers wrap round, and nothing is known."""
    return max(_bits(bounds.least.size), _bits(bounds.greatest.size)) < torch.iinfo(dtype).bits


def _bits(size: Any) -> float:
    """At least how many bits the terms of `size` have, each without its sign, at sizes of `_BITS`."""
    if isinstance(size, int | sympy.Integer):
        return int(size).bit_length()
    if isinstance(size, sympy.Pow):
        return _bits(size.base) * max(0, int(size.exp)) if size.exp.is_Integer else math.inf
    parts = [_bits(part) for part in getattr(size, "args", ())]
    if isinstance(size, sympy.Mul):
        return sum(parts)
    return max(parts) + (len(parts).bit_length() if isinstance(size, sympy.Add) else 0) if parts else _BITS


def number(value: Any) -> Bounds | None:
    """Of a whole number, or a size, by itself."""
    if isinstance(value, bool) or not isinstance(value, int | SizeExpr):
        return None
    size = value.dim if isinstance(value, SizeExpr) else sympy.Integer(value)
    return Bounds(Bound(size), Bound(size))


def either(of: str, layer: str = "") -> Bounds:
    """Of bools that an input decides."""
    least, greatest = frozenset([(of, f"False {layer}")]), frozenset([(of, f"True {layer}")])
    return Bounds(Bound(sympy.S.Zero, least), Bound(sympy.S.One, greatest))
