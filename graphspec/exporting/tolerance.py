"""How far a computation may lie from the float64 one: as far as rounding alone would put it, and no farther.

How coarse rounding is, is a `unit`: the machine epsilon of the coarsest dtype on the way to an output, float32's where
nothing else is said; see ``machine_epsilon``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

#: The unit of float32.
FLOAT32 = 2.0**-23
#: Another order of summation is allowed this many times the module's own error against float64.
NOISE_FACTOR = 16.0
#: A module whose output is exact by luck still leaves a runtime this many ulp of max|reference|.
FLOOR_ULPS = 4
#: Whatever the noise, an error above this share of max|reference| is a fault; in another dtype, as many of its units.
MOST_SCALED = 1e-5
#: Below this, float32 has lost its digits on the way: the least normal number over the unit. No output is so small.
NEGLIGIBLE = 1e-31


def magnitude(reference: NDArray[np.generic]) -> float:
    """max|reference| over its finite elements, 0 where there are none."""
    if reference.size:
        greatest = max(-float(reference.min()), float(reference.max())) + 0.0
        if math.isfinite(greatest):
            return greatest
    finite = np.abs(reference[np.isfinite(reference)])
    return float(finite.max()) if finite.size else 0.0


def floor_error(reference: NDArray[np.generic], unit: float = FLOAT32, greatest: float | None = None) -> float:
    """`FLOOR_ULPS` of the spacing at max|reference|, `NEGLIGIBLE` at least; `greatest` is that where it is known."""
    greatest = magnitude(reference) if greatest is None else greatest
    spacing = math.ldexp(unit, math.frexp(greatest)[1] - 1) if greatest else 0.0
    return max(FLOOR_ULPS * spacing, NEGLIGIBLE)


def most_error(reference: NDArray[np.generic], unit: float = FLOAT32, greatest: float | None = None) -> float:
    """The error above which no noise excuses it: `MOST_SCALED` of max|reference|, as many units in other dtypes."""
    greatest = magnitude(reference) if greatest is None else greatest
    return max(MOST_SCALED * unit / FLOAT32 * greatest, NEGLIGIBLE)


def allowed_error(
    reference: NDArray[np.float64], noise: float, unit: float = FLOAT32, greatest: float | None = None
) -> float:
    """The greatest allowed max|candidate − reference|, where `noise` is the module's own such error."""
    greatest = magnitude(reference) if greatest is None else greatest
    return min(max(NOISE_FACTOR * noise, floor_error(reference, unit, greatest)), most_error(reference, unit, greatest))


def error(candidate: NDArray[np.generic], reference: NDArray[np.generic]) -> float:
    """max|candidate − reference|; equal infinities are equal, any other non-finite element is infinitely off."""
    if candidate.size == 0:
        return 0.0
    candidate, reference = np.atleast_1d(candidate), np.atleast_1d(reference)  # numpy makes numbers of no dims scalars
    if not np.issubdtype(reference.dtype, np.floating):
        return float(np.max(np.abs(candidate.astype(np.float64) - reference.astype(np.float64))))
    with np.errstate(invalid="ignore"):
        difference = np.subtract(candidate, reference, dtype=np.float64)
    np.abs(difference, out=difference)
    greatest = float(np.max(difference))
    if np.isfinite(greatest):
        return greatest
    difference[np.isinf(reference) & (candidate == reference)] = 0.0
    return float(np.max(np.nan_to_num(difference, nan=np.inf, posinf=np.inf)))
