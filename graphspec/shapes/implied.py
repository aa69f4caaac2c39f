"""Whether a condition on sizes holds for all of them: decided on one dim at a time, shown on several together."""

from __future__ import annotations

from typing import Any

import sympy
from sympy.core.relational import Relational

from graphspec.shapes.conditions import Ranges, find, negated, positive
from graphspec.shapes.dims import symbol
from graphspec.shapes.evaluate import value_at
from graphspec.system.torch_private import FloorDiv, Max, Min, Mod, surely


def is_decided(condition: Any) -> bool:
    """Whether :func:`find` decides `condition`: each relation in it is on one dim."""
    return all(len(part.free_symbols) <= 1 for part in sympy.sympify(condition).atoms(Relational))


def implied(condition: Any, ranges: Ranges) -> bool:
    """Whether `condition` is shown to hold for all sizes within `ranges`; where it is not, it may hold all the same."""
    condition = positive(sympy.sympify(condition))
    if isinstance(condition, sympy.And):
        return all(implied(part, ranges) for part in condition.args)
    if is_decided(condition):
        return find([negated(condition)], ranges) is None
    if isinstance(condition, sympy.Or) and any(implied(part, ranges) for part in condition.args):
        return True
    if surely(condition, {symbol(name): span for name, span in ranges.items()}):
        return True
    return isinstance(condition, Relational) and _by_terms(condition, ranges)


def _by_terms(relation: Relational, ranges: Ranges) -> bool:
    """Whether the two sides' difference, over how far each size lies above its least, has no term of the wrong sign."""
    gap = _divided(sympy.expand(relation.lhs - relation.rhs))
    if isinstance(relation, sympy.Eq):
        return bool(gap == 0)
    signs = [1, -1] if isinstance(relation, sympy.Ne) else [-1 if isinstance(relation, sympy.Le | sympy.Lt) else 1]
    beyond = {free: least for free in gap.free_symbols for least in [ranges[str(free)][0]]}
    for atom in gap.atoms(FloorDiv, Min, Max, Mod):
        if (least := _least(atom, ranges)) is None:
            return False
        beyond[atom] = least
    steps = {part: least + sympy.Dummy(nonnegative=True, integer=True) for part, least in beyond.items()}
    above = sympy.expand(gap.xreplace(steps))
    terms = above.as_coefficients_dict()
    strict = not isinstance(relation, sympy.Ge | sympy.Le)
    return any(
        all(sign * factor >= 0 for factor in terms.values()) and (not strict or sign * terms.get(sympy.S.One, 0) > 0)
        for sign in signs
    )


def _divided(formula: Any) -> Any:
    """`formula` without the floors and remainders of what divides: ``(8*N*T)//T`` is ``8*N``."""
    parts = {}
    for part in formula.atoms(FloorDiv, Mod):
        whole = sympy.cancel(part.args[0] / part.args[1])
        if whole.is_polynomial() and all(factor.is_Integer for factor in whole.as_coefficients_dict().values()):
            parts[part] = whole if isinstance(part, FloorDiv) else sympy.S.Zero
    return sympy.expand(formula.xreplace(parts)) if parts else formula


def _least(atom: Any, ranges: Ranges) -> int | None:
    """The least value of a part that is on one dim, if that is at the dim's least size."""
    names = [str(free) for free in atom.free_symbols]
    if len(names) != 1:
        return None
    first = int(value_at(atom, {names[0]: ranges[names[0]][0]}))
    return first if find([sympy.Lt(atom, first)], ranges) is None else None
