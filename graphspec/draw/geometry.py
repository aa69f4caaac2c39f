"""Where everything goes, in pixels: rows from top to bottom, edges through the gaps between boxes, blocks in blocks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from graphspec.draw.diagram import Node
from graphspec.draw.levels import Item, Level
from graphspec.draw.ordering import Piece, Rows
from graphspec.draw.positions import spread
from graphspec.draw.text_width import width
from graphspec.shapes import ValueRef

TITLE, LINE, LABEL, HEADING = 13.0, 11.5, 11.0, 12.5
ROW, INSET, LABEL_HEIGHT, HEADING_HEIGHT = 15.0, 8.0, 18.0, 26.0
#: How far the second box behind a closed block sticks out.
BEHIND = 4.0
_PADDING, _MARGIN, _NARROWEST = 12.0, 16.0, 84.0
_GAP, _BORDER_GAP, _MOST_GAP = 24.0, 12.0, 64.0


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """A box, or (with `heading`) the frame of an opened block, by its upper left corner."""

    content: Node | Level
    x: float
    y: float
    width: float
    height: float


@dataclasses.dataclass(frozen=True, slots=True)
class Label:
    """A value's shape, centred at x, its baseline at y."""

    x: float
    y: float
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Stroke:
    """A piece of an edge: from (x0, y0) down to `turn0`, over to x1 at `turn1`, down to y1.

    ``head`` is ``down`` or ``up`` where the edge ends with this piece.
    """

    x0: float
    y0: float
    turn0: float
    x1: float
    turn1: float
    y1: float
    head: str = ""

    def moved(self, x: float, y: float) -> Stroke:
        """The same, (x, y) further."""
        return Stroke(self.x0 + x, self.y0 + y, self.turn0 + y, self.x1 + x, self.turn1 + y, self.y1 + y, self.head)


@dataclasses.dataclass(slots=True)
class Layout:
    """What is drawn of a level, from (0, 0) on; frames stand before what is in them.

    ``entries`` and ``exits`` are the x where values cross its upper and lower border.
    """

    width: float
    height: float
    boxes: list[Box] = dataclasses.field(default_factory=list)
    labels: list[Label] = dataclasses.field(default_factory=list)
    strokes: list[Stroke] = dataclasses.field(default_factory=list)
    entries: dict[ValueRef, float] = dataclasses.field(default_factory=dict)
    exits: dict[ValueRef, float] = dataclasses.field(default_factory=dict)

    def add(self, other: Layout, x: float, y: float) -> None:
        """Put what `other` draws at (x, y)."""
        self.boxes += [dataclasses.replace(box, x=box.x + x, y=box.y + y) for box in other.boxes]
        self.labels += [dataclasses.replace(label, x=label.x + x, y=label.y + y) for label in other.labels]
        self.strokes += [stroke.moved(x, y) for stroke in other.strokes]


@dataclasses.dataclass(slots=True)
class _Size:
    """How large an item is; ``leaves`` and ``enters`` are how far from its centre values do so."""

    width: float
    height: float
    leaves: dict[ValueRef, float]
    enters: dict[ValueRef, float]
    labels: dict[ValueRef, str]
    inner: Layout | None = None

    @property
    def whole(self) -> float:
        """The height with the labels below."""
        return self.height + (LABEL_HEIGHT if self.labels else 0.0)

    @property
    def half(self) -> float:
        """Half of the width that it takes up, labels included."""
        reach = [abs(self.leaves[value]) + width(text, LABEL) / 2 for value, text in self.labels.items()]
        return max([self.width / 2, *reach])


def layout(level: Level) -> Layout:
    """Lay out a level and all inside it."""
    items = level.everything()
    number = {item: n for n, item in enumerate(items)}
    labels = level.labels()
    sizes = [_size(level, item, labels.get(item, {})) for item in items]
    edges = [(number[link.source], link.value, number[link.target]) for link in level.links]
    rows = Rows(len(items), edges, {number[item] for item in level.entries}, {number[item] for item in level.exits})
    centres = rows.centres(
        [size.half for size in sizes], [size.leaves for size in sizes], [size.enters for size in sizes]
    )
    return _Drawing(level, items, sizes, rows, centres).finished()


def _size(level: Level, item: Item, labels: dict[ValueRef, str]) -> _Size:
    content = level.items.get(item)
    if isinstance(content, Level):
        inner = layout(content)
        leaves = {value: x - inner.width / 2 for value, x in inner.exits.items()}
        enters = {value: x - inner.width / 2 for value, x in inner.entries.items()}
        return _Size(inner.width, inner.height, leaves, enters, labels, inner)
    if content is None:
        return _Size(width(level.exits[item], LABEL) if item.kind == "exit" else 8.0, 0.0, {}, {}, {})
    text = max([width(content.title, TITLE, bold=True), *(width(line, LINE) for line in content.lines)])
    height = 2 * INSET + ROW * (1 + len(content.lines)) + (BEHIND if content.kind == "block" else 0.0)
    return _Size(max(_NARROWEST, text + 2 * _PADDING), height, _side_by_side(labels), {}, labels)


def _side_by_side(labels: dict[ValueRef, str]) -> dict[ValueRef, float]:
    """The centres of labels in one line, from the middle of the line."""
    widths = [width(text, LABEL) + 14 for text in labels.values()]
    starts = [sum(widths[:n]) - sum(widths) / 2 for n in range(len(widths))]
    return {value: start + wide / 2 for value, start, wide in zip(labels, starts, widths, strict=True)}


class _Drawing:
    """A level with its rows, as strokes, boxes and labels."""

    def __init__(
        self, level: Level, items: Sequence[Item], sizes: Sequence[_Size], rows: Rows, centres: list[float]
    ) -> None:
        self.level, self.items, self.sizes, self.rows = level, items, sizes, rows
        framed = level.name != ""
        left = min((x - size.half for x, size in zip(centres, sizes, strict=False)), default=0.0)
        left = min([left, *centres])
        right = max([x + size.half for x, size in zip(centres, sizes, strict=False)] + centres)
        wide = right - left + 2 * _MARGIN
        title = width(level.title, HEADING, bold=True) + 2 * _PADDING if framed else 0.0
        shift = _MARGIN - left + max(0.0, title - wide) / 2
        self.x = [x + shift for x in centres]
        self.tops, self.bottoms = self.verticals(HEADING_HEIGHT if framed else _MARGIN)
        end = self.bottoms[-1] + (0.0 if level.exits else _MARGIN)
        self.out = Layout(max(wide, title), end)

    def verticals(self, top: float) -> tuple[list[float], list[float]]:
        """The upper and lower end of each row; gaps grow with how far edges go sideways in them."""
        far = [0.0] * len(self.rows.rows)
        for upper, lower, *_ in self.rows.pieces:
            row = self.rows.rank[upper]
            far[row] = max(far[row], abs(self.x[upper] - self.x[lower]))
        tops, bottoms = [], []
        for row, boxes in enumerate(self.rows.rows):
            height = max((self.sizes[box].whole for box in boxes if not self.rows.is_bend(box)), default=0.0)
            tops.append(top)
            bottoms.append(top + height)
            least = _BORDER_GAP if row == 0 and self.level.entries else _GAP
            top += height + min(_MOST_GAP, max(least, far[row] * 0.16))
        return tops, bottoms

    def finished(self) -> Layout:
        for box, item in enumerate(self.items):
            self.box(box, item)
        if self.level.name:
            self.out.boxes.insert(0, Box(self.level, 0.0, 0.0, self.out.width, self.out.height))
        arrivals = self.arrivals()
        for piece in self.rows.pieces:
            self.piece(piece, arrivals.get(piece))
        for bend in range(len(self.items), len(self.x)):
            row, x = self.rows.rank[bend], self.x[bend]
            self.out.strokes.append(Stroke(x, self.tops[row], self.tops[row], x, self.bottoms[row], self.bottoms[row]))
        return self.out

    def top(self, box: int) -> float:
        """A box's upper edge: it stands in the middle of its row."""
        row = self.rows.rank[box]
        return self.tops[row] + (self.bottoms[row] - self.tops[row] - self.sizes[box].whole) / 2

    def box(self, box: int, item: Item) -> None:
        """Draw one item with its labels."""
        size, x, y = self.sizes[box], self.x[box], self.top(box)
        content = self.level.items.get(item)
        if item.value is not None:
            (self.out.entries if item.kind == "entry" else self.out.exits)[item.value] = x
        elif size.inner:
            self.out.add(size.inner, x - size.width / 2, y)
        elif isinstance(content, Node):
            self.out.boxes.append(Box(content, x - size.width / 2, y, size.width, size.height))
        for value, text in size.labels.items():
            self.out.labels.append(Label(x + size.leaves.get(value, 0.0), y + size.height + LABEL_HEIGHT - 5, text))

    def arrivals(self) -> dict[Piece, float]:
        """Where each piece meets its box: straight below its upper end as far as the box is wide, and apart."""
        found: dict[Piece, float] = {}
        meeting: dict[int, list[Piece]] = {}
        for piece in self.rows.pieces:
            if not self.rows.is_bend(piece.lower) and isinstance(self.level.items.get(self.items[piece.lower]), Node):
                meeting.setdefault(piece.lower, []).append(piece)
        for lower, pieces in meeting.items():
            pieces.sort(key=self.departure)
            reach = self.sizes[lower].width / 2 - 14
            low, high = self.x[lower] - reach, self.x[lower] + reach
            apart = min(18.0, 2 * reach / max(1, len(pieces) - 1))
            wishes = [(min(max(self.departure(piece), low), high), 1.0) for piece in pieces]
            places = spread(wishes, [apart] * (len(pieces) - 1))
            back = min(0.0, high - places[-1]) + max(0.0, low - places[0])
            found |= {piece: place + back for piece, place in zip(pieces, places, strict=True)}
        return found

    def departure(self, piece: Piece) -> float:
        """The x where a piece leaves its upper end."""
        offset = 0.0 if self.rows.is_bend(piece.upper) else self.sizes[piece.upper].leaves.get(piece.value, 0.0)
        return self.x[piece.upper] + offset

    def piece(self, piece: Piece, arrival: float | None) -> None:
        """Draw one piece of an edge, through the gap between two rows."""
        over, under = self.rows.is_bend(piece.upper), self.rows.is_bend(piece.lower)
        gap = self.bottoms[self.rows.rank[piece.upper]], self.tops[self.rows.rank[piece.lower]]
        start, end, entered = gap[0], gap[1], 0.0
        if not over:
            size = self.sizes[piece.upper]
            start = self.top(piece.upper) + (size.whole if piece.value in size.labels else size.height)
        if not under:
            end, entered = self.top(piece.lower), self.sizes[piece.lower].enters.get(piece.value, 0.0)
        x1 = self.x[piece.lower] + entered if arrival is None else arrival
        ends = not under and self.items[piece.lower].kind != "exit"
        head = ("up" if not over else "") if piece.upward else ("down" if ends else "")
        self.out.strokes.append(Stroke(self.departure(piece), start, gap[0], x1, gap[1], end, head))
