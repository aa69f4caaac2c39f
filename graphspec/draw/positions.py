"""Where in its row each box stands: close to its neighbours above and below, in the given order, without overlap.

Each row in turn is the exact least-squares answer for the others held fixed: with the distances taken off it is an
isotonic regression, solved by pooling adjacent violators.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

_SWEEPS = 16
_FIRM = 1000.0
_HAIR = 0.01


def columns(
    rows: Sequence[Sequence[int]],
    halves: Sequence[float],
    gaps: Sequence[float],
    pulls: Mapping[int, Sequence[tuple[int, float, float]]],
    chains: Sequence[Sequence[tuple[int, float]]],
    trunks: Sequence[Sequence[int]],
) -> list[float]:
    """The centre x of each box.

    `halves` are half widths and `gaps` the least distances to a neighbour. ``pulls[box]`` has (other, offset, weight):
    the box wants to stand at the other's x + offset, that much. The members of a chain, (box, offset), stand in one
    line but for their offsets, and so do those of a trunk, beside what it passes.
    """
    x = [0.0] * len(halves)
    for row in rows:
        _place(row, x, halves, gaps, dict.fromkeys(row, (0.0, 1.0)))
    lines: dict[int, float] = {}
    for sweep in range(2 * _SWEEPS):
        if sweep >= _SWEEPS:
            lines = _lines(chains, x, lines)
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wishes = {box: (lines[box], _FIRM) if box in lines else _wish(box, x, pulls) for box in row}
            _place(row, x, halves, gaps, wishes)
    between = _neighbours(rows)
    for trunk in [trunk for _ in range(3) for trunk in trunks]:
        _straighten(trunk, x, halves, gaps, between)
    return x


def _lines(
    chains: Sequence[Sequence[tuple[int, float]]], x: Sequence[float], before: Mapping[int, float]
) -> dict[int, float]:
    """Where the members of each chain shall stand: at first in the mean of their places; then the whole chain gives
    way as far as one of them had to."""
    found: dict[int, float] = {}
    for chain in chains:
        if before:
            pushed = max((x[box] - before[box] for box, _ in chain), key=abs)
            found |= {box: before[box] + pushed for box, _ in chain}
        else:
            middle = sum(x[box] - offset for box, offset in chain) / len(chain)
            found |= {box: middle + offset for box, offset in chain}
    return found


def _neighbours(rows: Sequence[Sequence[int]]) -> dict[int, tuple[int | None, int | None]]:
    """The boxes to the left and to the right of each."""
    return {
        box: (left, right)
        for row in rows
        for left, box, right in zip([None, *row[:-1]], row, [*row[1:], None], strict=True)
    }


def _straighten(
    trunk: Sequence[int],
    x: list[float],
    halves: Sequence[float],
    gaps: Sequence[float],
    between: Mapping[int, tuple[int | None, int | None]],
) -> None:
    """Put a trunk's bends above each other, if there is a free line between what stands beside them."""

    def distance(box: int, other: int) -> float:
        return halves[box] + halves[other] + min(gaps[box], gaps[other])

    beside = [(bend, *between[bend]) for bend in trunk]
    low = max((x[left] + distance(bend, left) for bend, left, _ in beside if left is not None), default=-math.inf)
    high = min((x[right] - distance(bend, right) for bend, _, right in beside if right is not None), default=math.inf)
    if low <= high + _HAIR:
        middle = sum(x[bend] for bend in trunk) / len(trunk)
        for bend in trunk:
            x[bend] = min(max(middle, low), high)


def _wish(box: int, x: Sequence[float], pulls: Mapping[int, Sequence[tuple[int, float, float]]]) -> tuple[float, float]:
    """The weighted mean of where a box's neighbours want it, and how much; it stays where it has none."""
    wishes = pulls.get(box)
    if not wishes:
        return x[box], 0.1
    weight = sum(each for _, _, each in wishes)
    return sum((x[other] + offset) * each for other, offset, each in wishes) / weight, weight


def _place(
    row: Sequence[int],
    x: list[float],
    halves: Sequence[float],
    gaps: Sequence[float],
    wishes: Mapping[int, tuple[float, float]],
) -> None:
    """Move the boxes of one row to the places nearest to their wishes."""
    distances = [halves[left] + halves[right] + min(gaps[left], gaps[right]) for left, right in itertools.pairwise(row)]
    for box, place in zip(row, spread([wishes[box] for box in row], distances), strict=True):
        x[box] = place


def spread(wishes: Sequence[tuple[float, float]], distances: Sequence[float]) -> list[float]:
    """The places nearest to `wishes` (place, weight) by weighted squares, neighbours at least `distances` apart."""
    shifts = list(itertools.accumulate(distances, initial=0.0))
    #: pools of boxes that stand as close as they may: (mean, weight, number of boxes)
    pools: list[tuple[float, float, int]] = []
    for (wish, weight), shift in zip(wishes, shifts, strict=False):
        pool = (wish - shift, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, heavy, count = pools.pop()
            whole = heavy + pool[1]
            pool = ((mean * heavy + pool[0] * pool[1]) / whole, whole, count + pool[2])
        pools.append(pool)
    means = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + shift for mean, shift in zip(means, shifts, strict=False)]
