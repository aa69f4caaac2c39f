"""Numbers that grow by equal steps, written as they were computed: ``0.2 * (i + 5) / 11`` and not 17 digits each.

Drop rates of stochastic depth grow so from block to block. What is written gives the same numbers to the last bit.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

#: Networks have so many blocks at most, and a rate so many digits.
_MOST_STEPS, _DIGITS = 100, 3
#: A number of fewer characters reads well as it is.
_LONG = 8


@dataclasses.dataclass(frozen=True)
class Progression:
    """The numbers ``rate * (i + start) / steps``."""

    rate: float
    start: int
    steps: int

    @classmethod
    def of(cls, values: Sequence[Any]) -> Progression | None:
        """That whose first numbers are `values`, in the fewest steps; None where there is none."""
        if len(values) < 2 or not all(type(value) is float and math.isfinite(value) for value in values):
            return None
        step = (values[-1] - values[0]) / (len(values) - 1)
        if not math.isfinite(step) or step == 0.0:
            return None
        start = round(values[0] / step) if abs(values[0] / step) < _MOST_STEPS else -1
        if start < 0:
            return None
        for steps in range(1, _MOST_STEPS + 1):
            found = cls(_rounded(step * steps), start, steps)
            if all(found.at(i) == value for i, value in enumerate(values)):
                return found
        return None

    def at(self, i: int) -> float:
        """The number of copy `i`."""
        return self.rate * (i + self.start) / self.steps

    def __str__(self) -> str:
        place = f"(i + {self.start})" if self.start else "i"
        return f"{self.rate!r} * {place}" + (f" / {self.steps}" if self.steps > 1 else "")


def progression(values: Sequence[Any]) -> str | None:
    """`values` as an expression of ``i``, where that is shorter to read than the numbers."""
    if len(values) == 2 and all(len(repr(value)) < _LONG for value in values):
        return None
    found = Progression.of(values)
    return None if found is None else str(found)


def fraction(value: float) -> str | None:
    """A number of many digits as it was computed: ``0.2 / 11``, or ``32 ** -0.5``."""
    if len(repr(value)) < 2 * _LONG or not 1e-6 < abs(value) < 1e6:
        return None
    for steps in range(2, _MOST_STEPS + 1):
        rate = _rounded(value * steps)
        if rate / steps == value:
            return f"{rate:g} / {steps}" if float(f"{rate:g}") == rate else None
    root = round(value**-2) if value > 0 else 0
    return f"{root} ** -0.5" if root > 1 and root**-0.5 == value else None


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
