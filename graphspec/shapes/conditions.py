"""Which sizes meet conditions on them: exact for one dim, by a grid of sizes where a condition holds several together.

A condition is a relation between formulas of whole numbers (``(H + 1)//2 >= W``). In one dim such a formula is linear
with a period: going on by the period adds the same number each time. So a condition can change only near finitely many
sizes, its knots, and repeats itself between them: looking at those sizes and at a period on either side decides it.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.core.relational import Relational

from graphspec.shapes.evaluate import value_at, values
from graphspec.spec.dims import GREATEST

#: Dim name → (least, greatest) size; greatest is None without a bound.
Ranges = Mapping[str, tuple[int, int | None]]
#: A longer period is not gone through whole; such conditions are looked at near their knots alone.
LONGEST_PERIOD = 1 << 12
#: Sizes per dim and in all where a condition holds several dims together.
_PER_DIM, _IN_ALL = 24, 40_000
#: Sizes that a multiplication of several dims can still take.
_LARGE = 4099
_OPEN_END = 1 << 20
_CHOICES = ("Min", "Max", "ExprCondPair")


def find(conditions: Iterable[Any], ranges: Ranges) -> dict[str, int] | None:
    """Sizes within `ranges`, of the dims that the conditions name, at which all of them hold; None if none are found.

    Conditions on one dim are decided. Where they hold several dims together, up to 40,000 combinations of small sizes,
    primes and the sizes around the numbers in the conditions are looked at.
    """
    for choice in _choices([*conditions]):
        found: dict[str, int] = {}
        for names, joint in _components(choice):
            alone = len(names) == 1
            sizes = _find_one(names[0], joint, ranges[names[0]]) if alone else _grid(names, joint, ranges)
            if sizes is None:
                break
            found |= sizes
        else:
            return found
    return None


def negated(condition: Any) -> Any:
    """Where `condition` does not hold, without a ``not``."""
    if isinstance(condition, sympy.And | sympy.Or):
        other = sympy.Or if isinstance(condition, sympy.And) else sympy.And
        return other(*map(negated, condition.args))
    if isinstance(condition, sympy.Not):
        return positive(condition.args[0])
    return condition.negated if isinstance(condition, Relational) else sympy.Not(condition)


def positive(condition: Any) -> Any:
    """`condition` without a ``not``."""
    if isinstance(condition, sympy.Not):
        return negated(condition.args[0])
    if isinstance(condition, sympy.And | sympy.Or):
        return condition.func(*map(positive, condition.args))
    return condition


def _choices(conditions: list[Any]) -> Iterator[list[Any]]:
    """`conditions` without ``or``: one list for each way to meet them."""
    flat: list[Any] = []
    for condition in conditions:
        flat += condition.args if isinstance(condition, sympy.And) else [condition]
    if any(condition == sympy.false for condition in flat):
        return
    flat = [condition for condition in dict.fromkeys(flat) if condition != sympy.true]
    for place, condition in enumerate(flat):
        if isinstance(condition, sympy.Or):
            for part in condition.args:
                yield from _choices([*flat[:place], part, *flat[place + 1 :]])
            return
    yield flat


def _components(conditions: Sequence[Any]) -> list[tuple[list[str], list[Any]]]:
    """The conditions by the dims that they hold together."""
    found: list[tuple[set[str], list[Any]]] = []
    for condition in conditions:
        names, mine = {str(free) for free in condition.free_symbols}, [condition]
        for other in [entry for entry in found if entry[0] & names]:
            found.remove(other)
            names, mine = names | other[0], other[1] + mine
        found.append((names, mine))
    return [(sorted(names), mine) for names, mine in found]


def _find_one(name: str, conditions: Sequence[Any], span: tuple[int, int | None]) -> dict[str, int] | None:
    sizes = critical_sizes(tuple(conditions), name, span)
    met = np.ones(len(sizes), bool)
    for condition in conditions:
        met &= np.broadcast_to(values(condition, {name: sizes}), met.shape)
    return {name: int(sizes[met.argmax()])} if met.any() else None


def holding(condition: Any, name: str, span: tuple[int, int | None]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The sizes of the dim `name` that decide `condition`, in order, and whether it holds at each."""
    sizes = critical_sizes((condition,), name, span)
    return sizes, np.broadcast_to(np.asarray(values(condition, {name: sizes}), bool), sizes.shape)


@functools.lru_cache(maxsize=1 << 13)
def critical_sizes(conditions: tuple[Any, ...], name: str, span: tuple[int, int | None]) -> NDArray[np.int64]:
    """The sizes of one dim that decide `conditions`: a period around each knot, at the start and behind the last."""
    least, greatest = span[0], GREATEST if span[1] is None else span[1]
    period = min(LONGEST_PERIOD, math.lcm(*(period_of(condition) for condition in conditions)))
    knots = {least, *(knot for condition in conditions for knot in _knots(condition, name, least, greatest, period))}
    reach = period + 1
    spread = np.arange(-reach, 2 * reach + 8)
    whole = np.unique(np.concatenate([knot + spread for knot in knots] + [np.array([greatest])]))
    return whole[(whole >= least) & (whole <= greatest)]


@functools.lru_cache(maxsize=1 << 14)
def period_of(expr: Any) -> int:
    """After how many sizes a formula in one dim goes on by a constant; 1 where it has no floor."""
    inner = math.lcm(*(period_of(part) for part in expr.args)) if expr.args else 1
    if type(expr).__name__ in ("FloorDiv", "CleanDiv", "Mod", "PythonMod", "CeilDiv"):
        divisor = expr.args[1]
        inner *= abs(int(divisor)) if isinstance(divisor, sympy.Integer) and divisor else 1
    return min(inner, LONGEST_PERIOD)


def _knots(condition: Any, name: str, least: int, greatest: int, period: int) -> set[int]:
    """The sizes near which a condition, or the choice of a ``min``, ``max`` or case in it, can change."""
    known: set[int] = set()
    for part in sympy.postorder_traversal(condition):
        if isinstance(part, Relational):
            known |= _roots(part.lhs - part.rhs, name, known, least, greatest, period)
        elif type(part).__name__ in ("Min", "Max"):
            for a, b in itertools.combinations(part.args, 2):
                known |= _roots(a - b, name, known, least, greatest, period)
    return known


def _roots(formula: Any, name: str, knots: set[int], least: int, greatest: int, period: int) -> set[int]:
    """Where `formula` passes 0. Between `knots` it is linear for each remainder of the period."""
    if not formula.free_symbols:
        return set()
    if not is_linear(formula):
        return _sign_changes(formula, name, least, greatest)
    found: set[int] = set()
    ends = sorted({least, *(knot for knot in knots if least <= knot <= greatest)})
    for start in ends:
        base = start + np.arange(period) + (period if start != least else 0)
        first, second = (np.broadcast_to(values(formula, {name: base + k * period}), base.shape) for k in (0, 1))
        slope = second - first
        with np.errstate(all="ignore"):
            steps = np.where(slope != 0, -first / np.where(slope == 0, 1, slope), 0.0)
        roots = base + np.floor(steps) * period
        inside = roots[(roots >= least - period) & (roots <= min(greatest, GREATEST))]
        found |= {int(root) for root in (inside.min(initial=least), inside.max(initial=least))}
        found |= {int(root) for root in np.unique(inside)[:64]}
    return found


@functools.lru_cache(maxsize=1 << 14)
def is_linear(expr: Any) -> bool:
    """Whether a formula in one dim is linear but for floors of constants, ``min``, ``max`` and cases."""
    kind = type(expr).__name__
    if not expr.free_symbols or isinstance(expr, sympy.Symbol):
        return True
    if isinstance(expr, sympy.Mul):
        return sum(bool(part.free_symbols) for part in expr.args) == 1 and all(map(is_linear, expr.args))
    if kind in ("FloorDiv", "CleanDiv", "Mod", "PythonMod", "CeilDiv"):
        return isinstance(expr.args[1], sympy.Integer) and is_linear(expr.args[0])
    if isinstance(expr, sympy.Add | sympy.Piecewise | Relational | sympy.And | sympy.Or) or kind in _CHOICES:
        return all(is_linear(part) for part in expr.args)
    return False


def _sign_changes(formula: Any, name: str, least: int, greatest: int) -> set[int]:
    """Where a formula that is not linear changes its sign, as far as growing steps and bisection show."""
    steps = np.unique(np.concatenate([np.arange(512), np.geomspace(512, _OPEN_END, 512).astype(np.int64)])) + least
    steps = steps[steps <= greatest]
    signs = np.sign(np.broadcast_to(np.asarray(values(formula, {name: steps}), float), steps.shape))
    found = set()
    for place in np.flatnonzero(signs[1:] != signs[:-1])[:64]:
        low, high = int(steps[place]), int(steps[place + 1])
        while high - low > 1:
            middle = (low + high) // 2
            same = np.sign(float(value_at(formula, {name: middle}))) == signs[place]
            low, high = (middle, high) if same else (low, middle)
        found |= {low, high}
    return found


def _grid(names: Sequence[str], conditions: Sequence[Any], ranges: Ranges) -> dict[str, int] | None:
    """A point at which conditions on several dims together hold, looked for on a grid."""
    per_dim = min(_PER_DIM, int(_IN_ALL ** (1 / len(names))))
    axes = [_axis(name, conditions, ranges[name], per_dim) for name in names]
    mesh = dict(zip(names, (part.ravel() for part in np.meshgrid(*axes, indexing="ij")), strict=True))
    for sizes in [mesh, *_solved(names, conditions, ranges, mesh)]:
        met = np.ones(len(next(iter(sizes.values()))), bool)
        for condition in conditions:
            met &= np.broadcast_to(np.asarray(values(condition, sizes), bool), met.shape)
        if met.any():
            place = int(met.argmax())
            return {name: int(sizes[name][place]) for name in names}
    return None


def _axis(name: str, conditions: Sequence[Any], span: tuple[int, int | None], count: int) -> NDArray[np.int64]:
    least, greatest = span[0], min(_LARGE, GREATEST if span[1] is None else span[1]) if span[0] < _LARGE else span[1]
    greatest = least + _LARGE if greatest is None else greatest
    own = [c for c in conditions if {str(free) for free in c.free_symbols} == {name}]
    numbers = {abs(int(atom)) for c in conditions for atom in c.atoms(sympy.Integer) if abs(int(atom)) < _LARGE}
    near = [size for number in sorted(numbers) for size in (number, number + 1, number - 1)]
    steps = (*range(9), 11, 12, 15, 16, 30, 59, 63, 64, 96)
    wanted = [*(least + step for step in steps[:6]), *near, *(least + step for step in steps[6:]), greatest, 1009]
    sizes = np.array([size for size in dict.fromkeys(wanted) if least <= size <= greatest] or [least], np.int64)
    for condition in own:  # what one dim alone must meet is decided exactly
        exact = critical_sizes((condition,), name, span)
        exact = np.concatenate([sizes, exact[exact <= max(_LARGE, least + _LARGE)]])
        sizes = exact[np.broadcast_to(np.asarray(values(condition, {name: exact}), bool), exact.shape)]
    kept = list(dict.fromkeys(sizes.tolist()))[:count]
    return np.array(kept or [least], np.int64)


def _solved(
    names: Sequence[str], conditions: Sequence[Any], ranges: Ranges, mesh: Mapping[str, NDArray[np.int64]]
) -> Iterator[dict[str, NDArray[np.int64]]]:
    """The mesh with one dim at a time set so that an equation holds, where the equation is linear in it."""
    for condition in conditions:
        if not isinstance(condition, sympy.Eq):
            continue
        for name in names:
            formula = condition.lhs - condition.rhs
            if str(name) not in {str(free) for free in formula.free_symbols}:
                continue
            zero, one = (values(formula, {**mesh, name: np.full_like(mesh[name], k)}) for k in (0, 1))
            slope = np.broadcast_to(one - zero, mesh[name].shape)
            with np.errstate(all="ignore"):
                solved = np.where(slope != 0, -zero / np.where(slope == 0, 1, slope), 0)
            least, greatest = ranges[name]
            good = (solved == np.floor(solved)) & (solved >= least) & (solved <= (greatest or GREATEST)) & (slope != 0)
            if good.any():
                yield {key: (solved.astype(np.int64) if key == name else value)[good] for key, value in mesh.items()}
