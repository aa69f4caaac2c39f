"""One level as rows of boxes: long edges cut at each row they pass, an order in each row, and a centre for each box."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from graphspec.diagnostics import fail
from graphspec.draw.positions import columns
from graphspec.draw.ranks import acyclic, ordered, ranks
from graphspec.shapes import ValueRef

MOST_BENDS = 50_000
_BOX_GAP, _BEND_GAP, _BEND_HALF = 26.0, 16.0, 3.0
#: How strongly the two ends of a piece of an edge want to stand above each other, by how many of them are bends.
_STRAIGHT = (8.0, 1.0, 4.0)

#: An edge: the boxes it joins, and the value it carries.
Edge = tuple[int, ValueRef, int]


class Piece(NamedTuple):
    """The part of an edge between two neighbouring rows; `upward` where the edge goes up."""

    upper: int
    lower: int
    value: ValueRef
    upward: bool


class Rows:
    """Boxes 0 … n - 1 in rows; higher numbers are bends, where a long edge passes a row.

    ``pieces`` are the parts of edges between neighbouring rows, in order. Edges that carry one value
    from one box share their bends: a trunk with branches.
    """

    def __init__(self, count: int, edges: Sequence[Edge], first: set[int], last: set[int]) -> None:
        self.count = count
        order = acyclic(count, [(source, target) for source, _, target in edges])
        place = {box: number for number, box in enumerate(order)}
        down = [(s, t) if place[s] < place[t] else (t, s) for s, _, t in edges]
        self.rank = _pinned(ranks(order, down), first, last)
        self.pieces: dict[Piece, None] = {}
        self.trunks: dict[tuple[int, ValueRef, int], list[int]] = {}
        for edge in edges:
            self._cut(*edge)
        rows: list[list[int]] = [[] for _ in range(max(self.rank, default=0) + 1)]
        for box in [*order, *range(count, len(self.rank))]:
            rows[self.rank[box]].append(box)
        self.rows = ordered(rows, [(piece.upper, piece.lower) for piece in self.pieces])

    def is_bend(self, box: int) -> bool:
        """Whether this is no box but a bend of an edge."""
        return box >= self.count

    def centres(self, halves: Sequence[float], leaves: Sequence[dict], enters: Sequence[dict]) -> list[float]:
        """The x of every box and bend. `halves` are half widths; `leaves` and `enters` say how far from a box's centre
        a value leaves or enters it."""
        bends = len(self.rank) - self.count
        pulls: dict[int, list[tuple[int, float, float]]] = {}
        for upper, lower, value, _ in self.pieces:
            start = 0.0 if self.is_bend(upper) else leaves[upper].get(value, 0.0)
            end = 0.0 if self.is_bend(lower) else enters[lower].get(value, 0.0)
            weight = _STRAIGHT[self.is_bend(upper) + self.is_bend(lower)]
            pulls.setdefault(lower, []).append((upper, start - end, weight))
            pulls.setdefault(upper, []).append((lower, end - start, weight))
        gaps = [_BOX_GAP] * self.count + [_BEND_GAP] * bends
        trunks = [trunk for trunk in self.trunks.values() if trunk]
        return columns(self.rows, [*halves, *[_BEND_HALF] * bends], gaps, pulls, self._chains(pulls), trunks)

    def _chains(self, pulls: Mapping[int, Sequence[tuple[int, float, float]]]) -> list[list[tuple[int, float]]]:
        """Boxes that only follow each other, as (box, offset from the first): a line to be drawn straight."""
        boxes = [
            (upper, lower) for upper, lower, *_ in self.pieces if not self.is_bend(upper) and not self.is_bend(lower)
        ]
        followers, leaders = (Counter(pair[end] for pair in boxes) for end in (0, 1))
        after = {upper: lower for upper, lower in boxes if followers[upper] == leaders[lower] == 1}
        found = []
        for head in after.keys() - after.values():
            chain = [(head, 0.0)]
            while (last := chain[-1])[0] in after:
                below = after[last[0]]
                offset = next(offset for other, offset, _ in pulls[below] if other == last[0])
                chain.append((below, last[1] + offset))
            found.append(chain)
        return found

    def _cut(self, source: int, value: ValueRef, target: int) -> None:
        """Enter one edge as pieces from row to row."""
        upper, lower = (source, target) if self.rank[source] < self.rank[target] else (target, source)
        upward = upper != source
        trunk = self.trunks.setdefault((upper, value, lower if upward else -1), [])
        if len(self.rank) > MOST_BENDS:
            hint = "close blocks with --depth, or use --emit mermaid"
            raise fail("too-large", f"the edges of the picture have more than {MOST_BENDS:,} bends", hint=hint)
        while self.rank[upper] + len(trunk) + 1 < self.rank[lower]:
            self.rank.append(self.rank[upper] + len(trunk) + 1)
            bend = len(self.rank) - 1
            self.pieces[Piece(trunk[-1] if trunk else upper, bend, value, upward)] = None
            trunk.append(bend)
        length = self.rank[lower] - self.rank[upper] - 1
        self.pieces[Piece(trunk[length - 1] if length else upper, lower, value, upward)] = None


def _pinned(rank: list[int], first: set[int], last: set[int]) -> list[int]:
    """`rank` from 0 on, with the boxes of `first` alone in the first row and those of `last` alone in the last."""
    inner = [row for box, row in enumerate(rank) if box not in first]
    shift = bool(first) - min(inner, default=0)
    moved = [0 if box in first else row + shift for box, row in enumerate(rank)]
    bottom = max((row for box, row in enumerate(moved) if box not in last), default=0) + 1
    return [bottom if box in last else row for box, row in enumerate(moved)]
