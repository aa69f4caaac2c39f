"""One formula for a size that torch computes in several ways: as a floor, a ``min``, a ``max``, or cases."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import sympy

from graphspec.shapes.conditions import LONGEST_PERIOD, Ranges, find, is_linear, negated, period_of
from graphspec.shapes.dims import Dim, tidy
from graphspec.shapes.evaluate import Unreadable, value_at, values
from graphspec.system.torch_private import FloorDiv, Max, Min

#: A size far behind whatever a network's numbers make special.
_FAR = 1 << 24
#: What a size is under given conditions.
Case = tuple[tuple[Any, ...], Any]


def as_floor(expr: sympy.Expr) -> Dim | None:
    """`expr`, over one dim, as ``(a*H + c)//p`` in lowest terms, where it is that at every size from 1 on."""
    (symbol,) = expr.free_symbols
    if not is_linear(expr) or period_of(expr) >= LONGEST_PERIOD:
        return None
    period = period_of(expr)
    sizes = _FAR + np.arange(period)
    try:
        first, second = (np.broadcast_to(values(expr, {str(symbol): sizes + k * period}), sizes.shape) for k in (0, 1))
    except Unreadable:
        return None
    slopes = np.unique(second - first)
    if len(slopes) != 1 or slopes[0] != int(slopes[0]):
        return None
    slope = int(slopes[0])
    least = int(np.max(period * first - slope * sizes))
    if least > int(np.min(period * first - slope * sizes)) + period - 1:
        return None
    common = math.gcd(slope, period)
    slope, period, least = slope // common, period // common, least // common
    found = slope * symbol + least if period == 1 else FloorDiv(slope * symbol + least, period)
    if found != expr and find([sympy.Ne(found, expr)], {str(symbol): (1, None)}):
        return None
    return int(found) if found.is_Integer else found


@functools.lru_cache(maxsize=1 << 14)
def canonical(expr: sympy.Expr | int) -> Dim:
    """`expr` with each part over one dim as ``(a*H + c)//p`` where it is that: equal sizes then look equal."""
    found = tidy(expr)
    if isinstance(found, int) or found.is_Symbol:
        return found
    if isinstance(found, sympy.Piecewise):
        return sympy.Piecewise(*((canonical(value), condition) for value, condition in found.args))
    if len(found.free_symbols) == 1 and (short := as_floor(found)) is not None:
        return short
    return tidy(found.func(*(canonical(part) if part.free_symbols else part for part in found.args)))


def unify(cases: Sequence[Case], ranges: Ranges) -> Dim | None:
    """One formula that is every case's formula wherever the case's conditions hold; None where there is none."""
    formulas = list(dict.fromkeys(formula for _, formula in cases))
    for formula in _candidates(formulas, cases, ranges):
        if all(_agrees(formula, case, ranges) for case in cases):
            return canonical(formula)
    return None


def _agrees(formula: Any, case: Case, ranges: Ranges) -> bool:
    conditions, own = case
    return bool(formula == own) or find([*conditions, sympy.Ne(formula, own)], ranges) is None


def _candidates(formulas: Sequence[Any], cases: Sequence[Case], ranges: Ranges) -> Iterator[Any]:
    yield from formulas
    if (floor := _fitted(formulas, cases, ranges)) is not None:
        yield floor
    for a, b in itertools.combinations(formulas, 2):
        yield Min(a, b)
        yield Max(a, b)
    if (chosen := _by_condition(cases, ranges)) is not None:
        yield chosen


def _fitted(formulas: Sequence[Any], cases: Sequence[Case], ranges: Ranges) -> Any:
    """``(a*H + c)//p`` through the values of the cases at many sizes, where all formulas are over one dim."""
    symbols = set().union(*(formula.free_symbols for formula in formulas))
    if len(symbols) != 1 or not all(map(is_linear, formulas)):
        return None
    (symbol,) = symbols
    period = math.lcm(*(period_of(part) for conditions, own in cases for part in (own, *_on(symbol, conditions))))
    least, greatest = ranges[str(symbol)]
    if period > 64 or (greatest is not None and greatest < least + 2 * period):
        return None
    start = least if greatest is not None else least + 64 * period
    sizes = range(start, start + period)
    first = [_at(symbol, size, cases) for size in sizes]
    second = [_at(symbol, size + period, cases) for size in sizes]
    slopes = {b - a for a, b in zip(first, second, strict=True) if a is not None and b is not None}
    if len(slopes) != 1:
        return None
    slope = slopes.pop()
    offset = max(period * value - slope * size for value, size in zip(first, sizes, strict=True) if value is not None)
    return FloorDiv(slope * symbol + offset, period)


def _on(symbol: sympy.Symbol, conditions: Sequence[Any]) -> list[Any]:
    return [condition for condition in conditions if condition.free_symbols == {symbol}]


def _at(symbol: sympy.Symbol, size: int, cases: Sequence[Case]) -> int | None:
    """The value of the case that holds at one size of one dim, other dims' conditions left aside."""
    for conditions, own in cases:
        if all(value_at(condition, {str(symbol): size}) for condition in _on(symbol, conditions)):
            return int(value_at(own, {str(symbol): size}))
    return None


def _by_condition(cases: Sequence[Case], ranges: Ranges) -> Any:
    """The cases' formulas, chosen by conditions, each of which holds in some cases and in none of the others."""
    if len({own for _, own in cases}) == 1:
        return cases[0][1]
    for condition in dict.fromkeys(condition for conditions, _ in cases for condition in conditions):
        inside = [case for case in cases if find([*case[0], negated(condition)], ranges) is None]
        outside = [case for case in cases if find([*case[0], condition], ranges) is None]
        if not inside or not outside or len(inside) + len(outside) != len(cases):
            continue
        there, elsewhere = _by_condition(inside, ranges), _by_condition(outside, ranges)
        if there is not None and elsewhere is not None:
            return sympy.Piecewise((there, condition), (elsewhere, True))
    return None
