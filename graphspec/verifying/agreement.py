"""How a file in lower precision is judged: not by rounding, but by how well it agrees with the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphspec.verifying.judge import Expected
from graphspec.verifying.rule import Judgement, Status, refused
from graphspec.verifying.runner import Outputs
from graphspec.verifying.verify_report import Comparison

#: A file agrees where at least this share of the outputs' variance, or of whole numbers, is the network's.
LEAST_AGREEMENT = 0.95


def agreement(expectations: Sequence[Expected], outputs: Outputs, precision: str) -> tuple[Comparison, ...]:
    """One comparison an output: over the real data where there are some, else over seeded normals; and each refusal.

    Floats agree by R², whole numbers and truth values by the share that is equal.
    """
    families = {expected.case.family for expected in expectations}
    family = (
        "real data"
        if "real data" in families
        else "normal × 1"
        if "normal × 1" in families
        else expectations[0].case.family
    )
    chosen = [(k, expected) for k, expected in enumerate(expectations) if expected.case.family == family]
    found = [
        Comparison(expected.case.name, name, refused(outputs.errors[str(k)]))
        for k, expected in enumerate(expectations)
        if str(k) in outputs.errors
        for name in expected.outputs.single
    ]
    ran = [(k, expected) for k, expected in chosen if str(k) not in outputs.errors]
    for name in expectations[0].outputs.single if ran else ():
        pairs = [(expected.outputs.single[name], outputs.arrays[f"{k}.{name}"]) for k, expected in ran]
        found.append(Comparison(family, name, _judged(pairs, precision)))
    return tuple(found)


def _judged(pairs: Sequence[tuple[np.ndarray, np.ndarray]], precision: str) -> Judgement:
    odd = next(
        (
            f"{b.shape} {b.dtype} instead of {a.shape} {a.dtype}"
            for a, b in pairs
            if (a.shape, a.dtype) != (b.shape, b.dtype)
        ),
        "",
    )
    if odd:
        return Judgement(Status.FAIL, np.inf, 0.0, np.inf, odd)
    right, other = (np.concatenate([pair[side].reshape(-1) for pair in pairs]) for side in (0, 1))
    if np.issubdtype(right.dtype, np.floating):
        right, other = right.astype(np.float64), other.astype(np.float64)
        spread = float(np.square(right - right.mean()).sum())
        off = float(np.square(other - right).sum())
        share = 1.0 - off / spread if spread else float(off == 0.0)
    else:
        share = float(np.mean(right == other))
    measured = f"{precision}: agrees to {share:.2%}"
    if share >= LEAST_AGREEMENT:
        return Judgement(Status.PASS, 1.0 - share, 1.0 - LEAST_AGREEMENT, 1.0 - share, measured)
    return Judgement(
        Status.FAIL, 1.0 - share, 1.0 - LEAST_AGREEMENT, 1.0 - share, f"{measured}, {LEAST_AGREEMENT:.0%} are asked"
    )
