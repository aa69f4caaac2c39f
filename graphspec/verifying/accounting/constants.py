"""One constant of a file beside one of the network's own: equal, as much alike as rounding allows, or another."""

from __future__ import annotations

import dataclasses

import numpy as np

from graphspec.verifying.accounting.terms import Array, Constant

#: What rounding makes of a constant that was computed from several: relatively, and of the greatest of them.
DERIVED, OF_GREATEST = 1e-6, 1e-6
#: float16 keeps so much of a number; what onnxruntime's converter does to the smallest and the greatest.
HALF, TINY, GREATEST = 2.0**-10, 1e-6, 1e4


@dataclasses.dataclass(frozen=True, slots=True)
class Likeness:
    """``wrong``: how many elements differ; ``precision``: what the file's constant was lowered to, where it was."""

    wrong: int
    size: int
    precision: str = ""


def compared(own: Constant, other: Constant, half: bool = False) -> Likeness:
    """`other`, of a file with float16 weights where `half`, beside `own`; all are wrong where the shapes differ."""
    right, found = own.array, other.array
    if right.shape != found.shape:
        if right.size != found.size:
            return Likeness(found.size, found.size)
        right = right.reshape(found.shape)
    if right.dtype.kind != "f":
        return Likeness(int(np.count_nonzero(right != found)), found.size)
    precision, allowed = _allowed(own, other, right, half)
    if allowed is None:
        wrong = (found != right) & ~(np.isnan(found) & np.isnan(right))
    else:
        with np.errstate(invalid="ignore"):
            off = np.abs(found.astype(np.float64) - right.astype(np.float64))
            wrong = ~(off <= allowed) & (found != right)
    return Likeness(int(np.count_nonzero(wrong)), found.size, precision)


def _allowed(own: Constant, other: Constant, right: Array, half: bool) -> tuple[str, Array | None]:
    """What the file's constant was lowered to, and how far it may be off; None where it has to be the same."""
    halved = right.dtype != np.float16 and (other.array.dtype == np.float16 or (half and other.derived))
    computed = own.derived or other.derived or own.array.dtype != other.array.dtype
    if other.step is None and not halved and not computed:
        return "", None
    with np.errstate(invalid="ignore"):
        size = np.abs(right.astype(np.float64))
    finite = size[np.isfinite(size)]
    greatest = finite.max() if finite.size else 0.0
    added = [constant.magnitude for constant in (own, other) if constant.magnitude is not None]
    whole = np.maximum.reduce([size, *(np.broadcast_to(part.reshape(-1), size.shape) for part in added)])
    rounding = DERIVED * whole + OF_GREATEST * 0.1 * greatest
    if other.step is not None:
        step = np.broadcast_to(other.step.reshape(()) if other.step.size == 1 else other.step, right.shape)
        return "int8", 0.51 * step + 10 * rounding
    if halved:
        return "fp16", np.where(size > GREATEST, size, HALF * whole + TINY)
    return "", rounding
