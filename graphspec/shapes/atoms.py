"""The sizes of a call under plain names, so that layers of one kind share what was found out about it.

A size that is a number times dims (``16*H``, ``N*T``) keeps that form; any other formula (``(H + 1)//2``) becomes one
unknown size. What holds for unknown sizes holds for the formulas that they stand for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import sympy

from graphspec.shapes.call import Run, Types
from graphspec.shapes.dims import Dim, SizeExpr, dim_text, symbol
from graphspec.shapes.formulas import canonical
from graphspec.shapes.shaped import TensorType, ValueRef


@dataclasses.dataclass(frozen=True, slots=True)
class Atoms:
    """`types` and `operands` over plain symbols; `real` says what each of those stands for."""

    types: Types
    operands: Mapping[str, Any]
    real: Mapping[sympy.Symbol, sympy.Expr]

    def in_real(self, run: Run) -> Run:
        """What a run showed, over the dims of the network."""
        outputs = {
            index: TensorType(tuple(self.dim(dim) for dim in kind.shape), kind.dtype)
            for index, kind in run.outputs.items()
        }
        return Run(outputs, run.parameters, self.dim(run.flops))

    def dim(self, dim: Dim) -> Dim:
        """A formula over plain symbols as one over the dims of the network."""
        return dim if isinstance(dim, int) else canonical(dim.xreplace(self.real))

    def readable(self, text: str) -> str:
        """A message that names plain symbols, in the names of the network."""
        for plain, real in self.real.items():
            shown = dim_text(real)
            whole = shown if isinstance(real, sympy.Symbol) else f"({shown})"
            text = text.replace(str(plain), whole)
        while (shorter := _unwrapped(text)) != text:
            text = shorter
        return text


def atoms_of(operands: Mapping[str, Any], types: Types) -> Atoms:
    """The sizes of `types`, and those among `operands`, under plain names in order of appearance."""
    names: dict[sympy.Expr, sympy.Symbol] = {}

    def plain(dim: Dim, is_size: bool = True) -> Dim:
        if isinstance(dim, int):
            return dim
        product = is_product(dim)
        for part in sorted(dim.free_symbols if product else [dim], key=str):
            name = f"§{len(names)}§"
            names.setdefault(part, symbol(name) if product or is_size else sympy.Symbol(name, integer=True))
        return dim.xreplace(names)

    def operand(value: Any) -> Any:
        if isinstance(value, SizeExpr):  # a number like another, which may be 0 or less
            return SizeExpr(plain(value.dim, is_size=False))
        if isinstance(value, list | tuple):
            return type(value)(operand(item) for item in value)
        return value

    kinds = {ref: TensorType(tuple(plain(dim) for dim in kind.shape), kind.dtype) for ref, kind in types.items()}
    given = {name: value if isinstance(value, ValueRef) else operand(value) for name, value in operands.items()}
    return Atoms(kinds, given, {name: part for part, name in names.items()})


def is_product(dim: Dim) -> bool:
    """Whether a size is a number times dims."""
    return isinstance(dim, int) or all(part.is_Symbol or part.is_Integer for part in sympy.Mul.make_args(dim))


def _unwrapped(text: str) -> str:
    """One pair of doubled parentheses made single."""
    opened: list[int] = []
    closes = {}
    for place, letter in enumerate(text):
        if letter == "(":
            opened.append(place)
        elif letter == ")" and opened:
            closes[opened.pop()] = place
    for start, end in closes.items():
        if closes.get(start + 1) == end - 1:
            return text[:start] + text[start + 1 : end] + text[end + 1 :]
    return text
