"""The least size of each dynamic dim at which every value still has at least one element."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy

from graphspec.shapes.dims import symbol
from graphspec.shapes.shaped import ShapedLayer, TensorType
from graphspec.spec.dims import DimRange
from graphspec.spec.model import NetworkSpec

_LARGE = 1 << 16


def dim_limits(
    spec: NetworkSpec, inputs: Mapping[str, TensorType], layers: Iterable[ShapedLayer]
) -> dict[str, tuple[int, int | None]]:
    """Dim name → (least size, greatest): what ``[dims]`` says, the least size also by trying every size formula."""
    formulas = {
        dim
        for kind in [*inputs.values(), *(kind for layer in layers for kind in layer.outputs.values())]
        for dim in kind.shape
        if isinstance(dim, sympy.Expr)
    }
    ranges = {name: spec.dims.get(name, DimRange()) for name in spec.dim_names}
    return {name: (max(_least(name, ranges, formulas), given.min), given.max) for name, given in ranges.items()}


def _least(name: str, names: Iterable[str], formulas: set[sympy.Expr]) -> int:
    mine = [formula for formula in formulas if symbol(name) in formula.free_symbols]
    others = {symbol(other): _LARGE for other in names if other != name}

    def works(size: int) -> bool:
        return all(formula.subs({**others, symbol(name): size}) >= 1 for formula in mine)

    low, high = 1, 1
    while not works(high) and high < _LARGE:
        low, high = high + 1, high * 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle + 1, high)
    return low
