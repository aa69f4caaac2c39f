"""Sizes known only by name: the symbols, and arithmetic on them inside expressions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import sympy
from sympy.printing.precedence import PRECEDENCE, precedence
from sympy.printing.str import StrPrinter

from graphspec.spec.expressions import ExpressionError
from graphspec.system.torch_private import FloorDiv, Max, Min, Mod

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

    def _print_Add(self, expr: sympy.Add, order: Any = None) -> str:
        text = ""
        for term in self._as_ordered_terms(expr, order=order):
            part = self._print(term)
            sign, part = ("-", part[1:]) if part.startswith("-") else ("+", part)
            loose = precedence(term) < PRECEDENCE["Add"] and not isinstance(term, FloorDiv)
            text += f" {sign} {f'({part})' if loose else part}"
        return text[3:] if text.startswith(" + ") else f"-{text[3:]}"

    def _print_Min(self, expr: Any) -> str:
        return f"min({', '.join(sorted((self._print(part) for part in expr.args), key=str.isdigit))})"

    def _print_Max(self, expr: Any) -> str:
        return f"max({', '.join(sorted((self._print(part) for part in expr.args), key=str.isdigit))})"

    def _print_Piecewise(self, expr: sympy.Piecewise) -> str:
        *cases, (last, _) = expr.args
        text = "".join(f"{self._print(value)} if {self._print(when)} else " for value, when in cases)
        return f"({text}{self._print(last)})"

    def _print_Relational(self, expr: Any) -> str:
        signs = {"Equality": "==", "Unequality": "!=", "StrictLessThan": "<", "LessThan": "<=",
                 "StrictGreaterThan": ">", "GreaterThan": ">="}  # fmt: skip
        return f"{self._print(expr.lhs)} {signs[type(expr).__name__]} {self._print(expr.rhs)}"

    def _print_Mod(self, expr: Any) -> str:
        base, divisor = (self.parenthesize(part, PRECEDENCE["Atom"] - 0.5) for part in expr.args)
        return f"{base} % {divisor}"

    _print_PythonMod = _print_Mod

    def _print_FloorDiv(self, expr: FloorDiv) -> str:
        base, divisor = expr.args
        product = isinstance(base, sympy.Mul) and not base.has(FloorDiv)
        left = self._print(base) if product else self.parenthesize(base, PRECEDENCE["Atom"] - 0.5)
        return f"{left}//{self.parenthesize(divisor, PRECEDENCE['Atom'] - 0.5)}"


def admits(dims: Sequence[Dim], sizes: Sequence[int]) -> bool:
    """Whether `dims`, of which those that are no numbers fit everything, are so many and as large as `sizes`."""
    return len(dims) == len(sizes) and all(
        not isinstance(dim, int) or dim == size for dim, size in zip(dims, sizes, strict=True)
    )


def number(dim: Dim, sizes: Mapping[Any, int]) -> int:
    """A dim where its symbols are the numbers of `sizes`."""
    return dim if isinstance(dim, int) else int(dim.subs(sizes))


def dim_text(dim: Dim) -> str:
    """A dim as Python would write it: ``(H + 1)//2`` rather than ``floor(H/2 + 1/2)``."""
    return str(dim) if isinstance(dim, int) else _Printer().doprint(dim)


def range_text(name: str, least: int | None, greatest: int | None) -> str:
    """The sizes of a dim in words: ``T from 2 to 64``."""
    return f"{name} from {least} on" if greatest is None else f"{name} from {least} to {greatest}"


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


def multiple_of(dim: Dim, symbol: sympy.Symbol) -> int:
    """How many times `symbol` the dim is, 0 where it is another formula: 16 for ``16*H``."""
    if isinstance(dim, int):
        return 0
    factor, rest = dim.as_coeff_Mul()
    return int(factor) if rest == symbol and factor.is_Integer else 0


def has_choice(dim: Dim) -> bool:
    """Whether the formula takes the least or greatest of sizes, or tells cases apart."""
    return not isinstance(dim, int) and dim.has(Min, Max, sympy.Piecewise)


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
