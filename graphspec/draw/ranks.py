"""Which row a box stands in, and in what order within the row (Sugiyama, Tagawa, Toda 1981).

Rows by the longest path; an edge over several rows gets a dummy in each row between; the order by barycentres.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left, insort
from collections.abc import Sequence

Pair = tuple[int, int]
_SWEEPS = 12


def acyclic(count: int, pairs: Sequence[Pair]) -> list[int]:
    """The boxes 0 … `count` - 1 in an order in which edges go forward, low numbers first. A circle (two blocks closed
    to boxes can make one) is cut at its lowest number: the edges into it go backward."""
    following: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for source, target in pairs:
        following[source].append(target)
        waiting[target] += 1
    ready = [box for box in range(count) if not waiting[box]]
    left = set(range(count))
    order = []
    while left:
        box = heapq.heappop(ready) if ready else min(left)
        if box not in left:
            continue
        left.discard(box)
        order.append(box)
        for target in following[box]:
            waiting[target] -= 1
            if not waiting[target] and target in left:
                heapq.heappush(ready, target)
    return order


def ranks(order: Sequence[int], pairs: Sequence[Pair]) -> list[int]:
    """Each box's row: below all that it takes from, and a box that takes from none just above its first reader."""
    above: list[list[int]] = [[] for _ in order]
    below: list[list[int]] = [[] for _ in order]
    for source, target in pairs:
        above[target].append(source)
        below[source].append(target)
    rank = [0] * len(order)
    for box in order:
        rank[box] = max((rank[source] + 1 for source in above[box]), default=0)
    for box in order:
        if not above[box] and below[box]:
            rank[box] = min(rank[target] for target in below[box]) - 1
    return rank


def ordered(rows: list[list[int]], pairs: Sequence[Pair]) -> list[list[int]]:
    """`rows` with few crossings; `pairs` join boxes of neighbouring rows only."""
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for source, target in pairs:
        above.setdefault(target, []).append(source)
        below.setdefault(source, []).append(target)
    best, fewest = rows, _crossings(rows, below)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        neighbours, down = (above, True) if sweep % 2 == 0 else (below, False)
        rows = _swept(rows, neighbours, down)
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _swept(rows: list[list[int]], neighbours: dict[int, list[int]], down: bool) -> list[list[int]]:
    """Each row sorted by the mean place of its boxes' neighbours in the row before."""
    sorted_rows = list(rows)
    indices = range(1, len(rows)) if down else range(len(rows) - 2, -1, -1)
    for index in indices:
        fixed = sorted_rows[index - 1 if down else index + 1]
        place = {box: number / max(1, len(fixed) - 1) for number, box in enumerate(fixed)}
        row = sorted_rows[index]
        own = {box: number / max(1, len(row) - 1) for number, box in enumerate(row)}
        key = {
            box: sum(place[other] for other in neighbours[box]) / len(neighbours[box])
            if box in neighbours
            else own[box]
            for box in row
        }
        sorted_rows[index] = sorted(row, key=key.__getitem__)
    return sorted_rows


def _crossings(rows: list[list[int]], below: dict[int, list[int]]) -> int:
    """How many pairs of edges cross: inversions among the targets, read row by row."""
    total = 0
    for upper, lower in itertools.pairwise(rows):
        place = {box: number for number, box in enumerate(lower)}
        seen: list[int] = []
        for box in upper:
            targets = sorted(place[target] for target in below.get(box, ()))
            total += sum(len(seen) - bisect_left(seen, target + 1) for target in targets)
            for target in targets:
                insort(seen, target)
    return total
