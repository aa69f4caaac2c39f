"""How far a float32 computation may lie from the float64 one: as far as rounding alone would put it, and no farther."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Another order of summation is allowed this many times the float32 module's own error against float64.
NOISE_FACTOR = 16.0
#: A module whose float32 answer is exact by luck still leaves a runtime this many ulp of max|reference|.
FLOOR_ULPS = 4
#: Whatever the noise, an error above this share of max|reference| is a fault.
MOST_SCALED = 1e-5


def magnitude(reference: NDArray[np.generic]) -> float:
    """max|reference| over its finite elements, 0 where there are none."""
    finite = np.abs(reference[np.isfinite(reference)])
    return float(finite.max()) if finite.size else 0.0


def floor_error(reference: NDArray[np.generic]) -> float:
    """`FLOOR_ULPS` of float32's spacing at max|reference|."""
    return FLOOR_ULPS * float(np.spacing(np.float32(magnitude(reference))))


def allowed_error(reference: NDArray[np.float64], noise: float) -> float:
    """The greatest allowed max|candidate − reference|, where `noise` is the float32 module's own such error."""
    return min(max(NOISE_FACTOR * noise, floor_error(reference)), MOST_SCALED * magnitude(reference))


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
