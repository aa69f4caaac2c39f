"""Sizes that torch computes in floating point, as ``floor(1.8 * H)``, in whole numbers: ``9*H//5``."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from graphspec.shapes.dims import Dim, dim_text
from graphspec.spec.dims import GREATEST
from graphspec.system.torch_private import FloorDiv

#: Sizes that are gone through where rounding may be off.
_TRIED = 1 << 20
_MOST = 10_000


class NotScaled(Exception):
    """A size at which rounding gives another number than the formula; `condition` holds at all such sizes."""

    def __init__(self, message: str, condition: Any) -> None:
        super().__init__(message)
        self.condition = condition


@functools.lru_cache(maxsize=256)
def fraction_of(factor: float) -> tuple[int, int, int]:
    """``(p, q, greatest)``: ``int(size * factor)`` is ``p * size // q`` for every size from 0 to `greatest`.

    `factor` is the double nearest to p / q. Between multiples of q the product is 1 / q away from a whole number at
    least, which rounding does not reach. At a multiple of q it is whole, and rounding can fall below it only where the
    double is less than p / q by more than 2^-54 of it; there, the sizes are gone through.
    """
    share = Fraction(factor).limit_denominator(_MOST)
    if float(share) != factor:
        share = Fraction(factor)
    p, q = share.numerator, share.denominator
    greatest = min(GREATEST, (1 << 51) // max(1, p))
    less = share - Fraction(factor)
    if less > share / (1 << 54):
        sizes = np.arange(q, _TRIED, q, dtype=np.int64)
        wrong = (sizes * factor).astype(np.int64) != sizes // q * p
        greatest = min(greatest, int(sizes[wrong.argmax()]) - 1 if wrong.any() else _TRIED - 1)
    return p, q, greatest


def scaled(size: Dim, factor: float) -> Dim:
    """``int(size * factor)`` as a formula, up to the greatest size of :func:`fraction_of`."""
    p, q, _ = fraction_of(factor)
    return size * p // q if isinstance(size, int) else FloorDiv(p * size, q)


def without_floats(expr: sympy.Expr, sizes: Mapping[sympy.Symbol, int], holds: list[Any]) -> sympy.Expr:
    """`expr` in whole numbers; conditions under which that is right are added to `holds`.

    Raises:
        NotScaled: it is not right at `sizes`.
    """
    found = {}
    for part in sympy.postorder_traversal(expr):
        if type(part).__name__ not in ("TruncToInt", "FloorToInt") or not isinstance(part.args[0], sympy.Mul):
            continue
        factor, *rest = part.args[0].args
        if not isinstance(factor, sympy.Float) or [type(one).__name__ for one in rest] != ["ToFloat"]:
            continue
        size = rest[0].args[0]
        p, q, greatest = fraction_of(float(factor))
        if greatest < GREATEST:
            if int(size.subs(sizes)) > greatest:
                message = f"{float(factor)} times {dim_text(size)} is rounded irregularly above {greatest}"
                raise NotScaled(message, sympy.Gt(size, greatest))
            holds.append(sympy.Le(size, greatest))
        found[part] = FloorDiv(p * size, q)
    return expr.xreplace(found)
