"""The float64-noise rule: is this output the same computation, or does it only look like it?

The reference is the module in float64; the module itself, in float32, shows how far rounding alone leads away from it.
A candidate passes when its error against float64 is at most 16 × that (with a floor of a few ulp of max|reference|) and
at most 1e-5 of max|reference|; where another dtype is on the way, ulp and 1e-5 are that dtype's. One that exceeds only
the second bound, and an output that a constant would give too, are *inconclusive*: no fault, and no pass either. An
output that slightly wrong weights would give too (the sign of a number, say) passes as what it is; the layers behind it
are judged by their own values.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphspec.exporting.tolerance import FLOAT32, NOISE_FACTOR, allowed_error, error, floor_error, magnitude

Array = NDArray[Any]
#: Why an output that passes tells nothing of the weights behind it.
SATURATED = "saturated: slightly wrong weights would give the same"


class Status(enum.StrEnum):
    """What a comparison tells."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    """``error`` is max|candidate − float64|, ``allowed`` its bound, ``scaled`` the error over max|float64|.

    ``reason`` says why it does not pass, or that it passes as `SATURATED`. ``refused``: the runtime gave an error
    instead of outputs.
    """

    status: Status
    error: float = 0.0
    allowed: float = 0.0
    scaled: float = 0.0
    reason: str = ""
    refused: bool = False


def judge(
    candidate: Array, double: Array, single: Array, noise: float, movement: float = np.inf, unit: float = FLOAT32
) -> Judgement:
    """Compare `candidate` with the reference.

    Args:
        candidate: what a runtime computed.
        double: what the float64 module computed.
        single: what the float32 module computed; its shape and dtype are what `candidate` must have.
        noise: the float32 module's error against float64, over inputs like this one.
        movement: how far a float64 module with slightly wrong weights is off, over inputs like this one, where known:
            an output that cannot tell the two apart passes as `SATURATED`.
        unit: how coarsely the module rounds on the way to this output; see ``machine_epsilon``.
    """
    if candidate.shape != single.shape:
        return _failed(f"shape {candidate.shape} instead of {single.shape}")
    if candidate.dtype != single.dtype:
        return _failed(f"dtype {candidate.dtype} instead of {single.dtype}")
    if not np.issubdtype(single.dtype, np.floating):
        return _judge_exact(candidate, double, single)
    known = None if _all_finite(single) and _all_finite(double) else _known(single, double)
    off = error(candidate, double) if known is None else error(candidate[known], double[known])
    noise = min(noise, float(np.finfo(np.float64).max))
    scale = magnitude(double)
    allowed, floor = allowed_error(double, noise, unit, scale), floor_error(double, unit, scale)
    judged = Judgement(Status.PASS, off, allowed, off / scale if scale else (np.inf if off else 0.0))
    if off > max(NOISE_FACTOR * noise, floor):
        return dataclasses.replace(judged, status=Status.FAIL, reason=f"off by {off:.3g}, allowed {allowed:.3g}")
    reason = _vacuous(double, known is None or bool(known.all()), floor)
    if off > allowed and not reason:
        reason = f"rounding alone may put it off by {NOISE_FACTOR * noise / scale:.1g} of the largest element"
    if reason:
        return dataclasses.replace(judged, status=Status.INCONCLUSIVE, reason=reason)
    return dataclasses.replace(judged, reason=SATURATED) if movement <= allowed else judged


def refused(reason: str) -> Judgement:
    """The runtime gave the error `reason` in the place of outputs."""
    return dataclasses.replace(_failed(f"refused: {reason}"), refused=True)


def _failed(reason: str) -> Judgement:
    return Judgement(Status.FAIL, np.inf, 0.0, np.inf, reason)


def _judge_exact(candidate: Array, double: Array, single: Array) -> Judgement:
    """Integers and truth values are equal, but where rounding decides: there, either reference's value is right."""
    wrong = (candidate != single) & (candidate != double)
    if wrong.any():
        off = error(candidate[wrong], single[wrong])
        return Judgement(Status.FAIL, off, 0.0, np.inf, f"{int(wrong.sum())} of {wrong.size} elements differ")
    if single.size > 1 and (single == single.flat[0]).all():
        return Judgement(Status.INCONCLUSIVE, reason="constant")
    return Judgement(Status.PASS)


def _all_finite(array: Array) -> bool:
    """Whether it has numbers alone, as its least and its greatest tell."""
    return bool(array.size) and bool(np.isfinite(array.min()) and np.isfinite(array.max()))


def _known(single: Array, double: Array) -> NDArray[np.bool_]:
    """Where both references tell the same of being finite, and it is a number."""
    known: NDArray[np.bool_] = (np.isfinite(single) == np.isfinite(double)) & ~np.isnan(double)
    return known


def _vacuous(double: Array, known: bool, floor: float) -> str:
    """Why nothing can be told from this reference, or an empty string; `floor` is its :func:`floor_error`."""
    if double.size == 0:
        return "empty"
    if not known:
        return "not a number" if np.isnan(double).any() else "overflows"
    finite = double if _all_finite(double) else double[np.isfinite(double)]
    if not finite.size:
        return "infinite"
    least, most = finite.min(), finite.max()
    if not least and not most:
        return "all zero"
    return "constant" if double.size > 1 and most - least <= floor else ""
