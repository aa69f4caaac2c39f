"""Sizes known only by name: the symbols, and arithmetic on them inside expressions."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeAlias

import sympy
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter
from torch.utils._sympy.functions import FloorDiv, Mod

from graphspec.spec.expressions import ExpressionError

#: A size: a number, or an expression over the named dynamic dims (``N``, ``(H + 1)//2``).
Dim: TypeAlias = int | sympy.Expr


#: Operations in a formula; sympy takes exponential time over ones that hold each other twice.
_LONGEST = 100


def symbol(name: str) -> sympy.Symbol:
    """The dynamic dim called `name`: a positive integer."""
    return sympy.Symbol(name, positive=True, integer=True)


class _Printer(StrPrinter):
    """Sums with the number last, and ``//`` without needless parentheses."""

    # torch's FloorDiv brings a ``_sympystr`` of its own
    printmethod = "_graphspec"

    def _print_FloorDiv(self, expr: FloorDiv) -> str:
        base, divisor = (self.parenthesize(part, PRECEDENCE["Atom"] - 0.5) for part in expr.args)
        return f"{base}//{divisor}"


def dim_text(dim: Dim) -> str:
    """A dim as Python would write it: ``(H + 1)//2`` rather than ``floor(H/2 + 1/2)``."""
    return str(dim) if isinstance(dim, int) else _Printer().doprint(dim)


def tidy(expr: sympy.Expr | int) -> Dim:
    """An int where `expr` is one; else ``(H - 1)//2 + 1`` as ``(H + 1)//2``, so that equal sizes look equal."""
    if isinstance(expr, int | sympy.Integer):
        return int(expr)
    if not expr.args:
        return expr
    expr = expr.func(*(tidy(part) for part in expr.args))
    if isinstance(expr, sympy.Add):
        number, rest = expr.as_coeff_Add()
        if isinstance(rest, FloorDiv) and number.is_Integer:
            base, divisor = rest.args
            return FloorDiv(sympy.expand(base + number * divisor), divisor)
    return expr


@dataclasses.dataclass(frozen=True, slots=True)
class SizeExpr:
    """A number known only at run time: `dim` over named dims, e.g. the ``N`` of ``expand``'s size. It can be computed
    with, but not compared: nothing about the network may depend on it."""

    dim: sympy.Expr

    def __add__(self, other: Any) -> Any:
        return _size(self.dim + _dim(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return _size(self.dim - _dim(other))

    def __rsub__(self, other: Any) -> Any:
        return _size(_dim(other) - self.dim)

    def __mul__(self, other: Any) -> Any:
        return _size(self.dim * _dim(other))

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        return _size(FloorDiv(self.dim, _dim(other)))

    def __mod__(self, other: Any) -> Any:
        return _size(Mod(self.dim, _dim(other)))

    def __neg__(self) -> Any:
        return _size(-self.dim)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SizeExpr) and sympy.simplify(self.dim - other.dim) == 0:
            return True
        raise _undecided(self)

    def __lt__(self, other: Any) -> bool:
        raise _undecided(self)

    __le__ = __gt__ = __ge__ = __lt__

    def __bool__(self) -> bool:
        raise _undecided(self)

    def __hash__(self) -> int:
        return hash(self.dim)

    def __str__(self) -> str:
        return dim_text(self.dim)


def _undecided(size: SizeExpr) -> Exception:
    return ExpressionError(f"{size} is known only at run time, so nothing can be decided by it")


def _dim(value: Any) -> Any:
    if isinstance(value, SizeExpr):
        return value.dim
    if isinstance(value, int):
        return sympy.Integer(value)
    raise TypeError(f"cannot compute with a size and {value!r}")


def _size(value: sympy.Expr) -> Any:
    if value.count_ops() > _LONGEST:
        raise ExpressionError(f"a size is a formula of at most {_LONGEST} operations")
    return int(value) if isinstance(value, sympy.Integer) else SizeExpr(value)


def readable(dim: Dim) -> int | SizeExpr:
    """What ``x.shape[i]`` is in an expression."""
    return dim if isinstance(dim, int) else SizeExpr(dim)
