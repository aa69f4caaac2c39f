"""A layer run on the CPU, on a few numbers: the meta device does not ask whether its dtypes and numbers go together.

It takes float16 into a Linear of float32, an int8 clamped at 300, and whole numbers to the power of -1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import sympy
import torch

from graphspec.ops import Op
from graphspec.shapes.call import Run, Types, WrongDtype, call
from graphspec.shapes.conditions import Ranges
from graphspec.shapes.dims import Dim, number, symbol

#: Larger layers are not run: what dtypes go together does not depend on sizes.
MOST_NUMBERS = 1 << 20
#: Of these the meta device takes float32, which the CPU does not.
_WHOLE = frozenset(["bitwise_not", "bitwise_and", "bitwise_or", "bitwise_xor"])
#: Their numbers are places, for which the few sizes of a trial may have no room.
_PLACES = frozenset(["slice_scatter"])
_SIZE = 3


def is_needed(op: Op, operands: Mapping[str, Any], types: Types) -> bool:
    """Whether a layer is given another dtype than its weights' float32, or a number to compute with."""
    others = op.name in _WHOLE or any(kind.dtype != torch.float32 for kind in types.values())
    computing = op.is_function and op.name not in _PLACES
    return others or (computing and any(type(value) in (int, float) for value in operands.values()))


def check(
    op: Op, arguments: Mapping[str, Any], operands: Mapping[str, Any], types: Types, found: Run, ranges: Ranges
) -> None:
    """Run the layer where it is small.

    Raises:
        WrongDtype: torch objects.
    """
    table = {symbol(name): _size(least, greatest) for name, (least, greatest) in ranges.items()}
    shapes = [kind.shape for kind in (*types.values(), *found.outputs.values())]
    if sum(_count(shape, table) for shape in [*shapes, *found.parameters.values()]) > MOST_NUMBERS:
        return
    try:
        with torch.device("cpu"), torch.random.fork_rng(devices=[]):
            call(op, arguments, operands, types, lambda dim: number(dim, table), torch.zeros)
    except Exception as error:  # whatever torch raises is what it says of this layer
        text = " ".join(str(error).split("Exception raised from")[0].split())
        if text == "ZeroDivisionError":
            return  # a whole number by 0: the zeros are this trial's, and the dtypes were taken
        raise WrongDtype(text or type(error).__name__) from error


def _size(least: int, greatest: int | None) -> int:
    return max(least, min(_SIZE, greatest or _SIZE))


def _count(shape: tuple[Dim, ...], table: Mapping[sympy.Symbol, int]) -> int:
    return math.prod(number(dim, table) for dim in shape)
