"""Numbers of a spec that a layer stores among its values: torch cuts off, unsaid, what their dtype does not hold.

0.5 filled into ids becomes 0, 300 into uint8 becomes 44.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from graphspec.ops.arguments import dtype_name
from graphspec.shapes.call import Run, WrongDtype
from graphspec.shapes.shaped import ValueRef

#: The arguments that are stored, whatever the layer: those of full, masked_fill, pad, Hardtanh, Buffer, …
_ARGUMENTS = frozenset("value fill_value data min_val max_val".split())
#: Those of arange, into which no value goes; a slice has places of the same names.
_OF_ROWS = frozenset(["start", "step"])


def check(arguments: Mapping[str, Any], operands: Mapping[str, Any], found: Run) -> None:
    """Look at the numbers that stand in the spec, beside the dtype of the layer's first value.

    Raises:
        WrongDtype: that dtype does not hold one of them.
    """
    dtype = next(iter(found.outputs.values())).dtype
    stored = _ARGUMENTS if any(isinstance(given, ValueRef) for given in operands.values()) else _ARGUMENTS | _OF_ROWS
    for name, given in itertools.chain(arguments.items(), operands.items()):
        for number in _numbers(given) if name in stored else ():
            if not _holds(dtype, number):
                text = dtype_name(dtype)
                raise WrongDtype(f'"{name}" has {number}, which its result, {text}, cannot hold')


def _numbers(given: Any) -> Iterator[float]:
    if isinstance(given, list | tuple):
        for each in given:
            yield from _numbers(each)
    elif isinstance(given, int | float):
        yield given


def _holds(dtype: torch.dtype, number: float) -> bool:
    if dtype.is_floating_point:
        return not math.isfinite(number) or abs(number) <= torch.finfo(dtype).max
    if not math.isfinite(number) or number != int(number):
        return False
    if dtype == torch.bool:
        return number in (0, 1)
    limits = torch.iinfo(dtype)
    return limits.min <= number <= limits.max
