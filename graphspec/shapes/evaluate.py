"""Formulas and conditions over dims at given sizes, one size or arrays of them."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy

#: What each of sympy's and torch's functions is in numpy, by the name of its class.
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "Add": lambda *parts: functools.reduce(operator.add, parts),
    "Mul": lambda *parts: functools.reduce(operator.mul, parts),
    "Pow": operator.pow,
    "PowByNatural": operator.pow,
    "FloatPow": operator.pow,
    "FloorDiv": operator.floordiv,
    "CleanDiv": operator.floordiv,
    "CeilDiv": lambda base, divisor: -(-base // divisor),
    "Mod": operator.mod,
    "PythonMod": operator.mod,
    "IntTrueDiv": operator.truediv,
    "FloatTrueDiv": operator.truediv,
    "ToFloat": lambda value: value * 1.0,
    "Identity": lambda value: value,
    "TruncToFloat": np.trunc,
    "TruncToInt": lambda value: np.trunc(value).astype(np.int64),
    "FloorToInt": lambda value: np.floor(value).astype(np.int64),
    "CeilToInt": lambda value: np.ceil(value).astype(np.int64),
    "Min": lambda *parts: functools.reduce(np.minimum, parts),
    "Max": lambda *parts: functools.reduce(np.maximum, parts),
    "And": lambda *parts: functools.reduce(np.logical_and, parts),
    "Or": lambda *parts: functools.reduce(np.logical_or, parts),
    "Equality": operator.eq,
    "Unequality": operator.ne,
    "StrictLessThan": operator.lt,
    "LessThan": operator.le,
    "StrictGreaterThan": operator.gt,
    "GreaterThan": operator.ge,
}
#: Higher powers of ordinary sizes are no 64-bit numbers.
MOST_POWER = 5
Evaluate = Callable[[Mapping[str, Any]], Any]


class Unreadable(Exception):
    """A formula with an operation that is not known here."""


def values(expr: Any, sizes: Mapping[str, Any]) -> Any:
    """`expr` at `sizes`, which may be arrays of one length; raises :class:`Unreadable`."""
    with np.errstate(all="ignore"):
        return _compiled(expr)(sizes)


def value_at(expr: Any, sizes: Mapping[str, int]) -> Any:
    """`expr` at one point."""
    if isinstance(expr, int):
        return expr
    return values(expr, {name: np.int64(size) for name, size in sizes.items()})


@functools.lru_cache(maxsize=1 << 14)
def _compiled(expr: Any) -> Evaluate:
    """A formula as a function of its symbols' sizes by name."""
    if isinstance(expr, sympy.Symbol):
        return operator.itemgetter(str(expr))
    if not expr.args:
        constant = _constant(expr)
        return lambda sizes: constant
    if isinstance(expr, sympy.Piecewise):
        return _cases(expr)
    function = _FUNCTIONS.get(type(expr).__name__)
    if function is None or (isinstance(expr, sympy.Pow) and not -MOST_POWER <= expr.exp <= MOST_POWER):
        raise Unreadable(type(expr).__name__ if function is None else str(expr))
    parts = [_compiled(part) for part in expr.args]
    if len(parts) == 2:
        first, second = parts
        return lambda sizes: function(first(sizes), second(sizes))
    return lambda sizes: function(*(part(sizes) for part in parts))


def _constant(expr: Any) -> Any:
    if expr in (sympy.true, sympy.false):
        return np.bool_(expr == sympy.true)
    if isinstance(expr, sympy.Integer) and abs(expr) < 1 << 63:
        return int(expr)
    if isinstance(expr, sympy.Float | sympy.Rational):
        return float(expr)
    raise Unreadable(str(expr))


def _cases(expr: sympy.Piecewise) -> Evaluate:
    *cases, (last, _) = expr.args
    pairs = [(_compiled(value), _compiled(condition)) for value, condition in reversed(cases)]
    otherwise = _compiled(last)

    def chosen(sizes: Mapping[str, Any]) -> Any:
        found = otherwise(sizes)
        for value, condition in pairs:
            found = np.where(condition(sizes), value(sizes), found)
        return found

    return chosen
