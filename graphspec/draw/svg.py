"""A network as a self-contained SVG file, readable on light and dark pages."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from xml.sax.saxutils import escape

from graphspec.diagnostics import printable
from graphspec.draw.diagram import Node, picture
from graphspec.draw.geometry import (
    BEHIND,
    HEADING,
    INSET,
    LABEL,
    LINE,
    ROW,
    TITLE,
    Box,
    Label,
    Layout,
    Stroke,
    layout,
)
from graphspec.draw.levels import Level, levels
from graphspec.shapes import ShapedGraph

#: Light colours as plain rules, which every viewer knows, and dark ones where the viewer asks for them.
_LIGHT = {
    ".page": "fill:#ffffff", "text": "fill:#1f2328", ".faint": "fill:#59636e", ".edge": "stroke:#818b98",
    ".head": "fill:#818b98", ".frame": "fill:#818b98;fill-opacity:.07;stroke:#c4cbd3",
    ".layer": "fill:#f6f8fa;stroke:#afb8c1",
    ".learned": "fill:#ddf4ff;stroke:#54aeff", ".block": "fill:#fff8c5;stroke:#d4a72c",
    ".input,.output": "fill:#fbefff;stroke:#c297ff",
}  # fmt: skip
_DARK = {
    ".page": "fill:#0d1117", "text": "fill:#e6edf3", ".faint": "fill:#9198a1", ".edge": "stroke:#7d8590",
    ".head": "fill:#7d8590", ".frame": "fill:#7d8590;fill-opacity:.09;stroke:#3d444d",
    ".layer": "fill:#161b22;stroke:#444c56",
    ".learned": "fill:#0c2d6b;stroke:#388bfd", ".block": "fill:#3b2300;stroke:#9e6a03",
    ".input,.output": "fill:#271052;stroke:#8957e5",
}  # fmt: skip
_FONT = "system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif"


def svg(shaped: ShapedGraph, depth: int | None = 0) -> str:
    """The picture as SVG, blocks opened `depth` levels deep (None: all)."""
    shown = picture(shaped, depth)
    drawn = layout(levels(shown))
    size = f'width="{drawn.width:.0f}" height="{drawn.height:.0f}" viewBox="0 0 {drawn.width:.0f} {drawn.height:.0f}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{_FONT}" role="img">',
        f"<title>{_text(shown.title)}</title>",
        f"<style>{_rules(_LIGHT)}.edge{{fill:none;stroke-width:1.4}}@media(prefers-color-scheme:dark){{{_rules(_DARK)}}}</style>",
        '<rect class="page" width="100%" height="100%"/>',
        *_shapes(drawn),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _shapes(drawn: Layout) -> Iterator[str]:
    """Frames first, then edges, then boxes and texts."""
    for box in drawn.boxes:
        if isinstance(box.content, Level):
            yield from _frame(box, box.content.title)
    yield f'<path class="edge" d="{" ".join(_path(stroke) for stroke in drawn.strokes)}"/>'
    heads = " ".join(_head(stroke) for stroke in drawn.strokes if stroke.head)
    yield f'<path class="head" d="{heads}"/>'
    for box in drawn.boxes:
        if isinstance(box.content, Node):
            yield from _node(box, box.content)
    yield from (_label(label) for label in drawn.labels)


def _frame(box: Box, title: str) -> Iterator[str]:
    yield f'<rect class="frame" {_place(box)} rx="8"/>'
    yield _line(title, box.x + 12, box.y + 17, HEADING, 'class="faint" font-weight="600"')


def _node(box: Box, node: Node) -> Iterator[str]:
    """A rounded box, with a second one behind it where it stands for a block; the tooltip has the whole layer."""
    round_ = box.height / 2 if node.kind in ("input", "output") else 6
    yield f"<g><title>{_text(node.tooltip)}</title>"
    if node.kind == "block":
        box = dataclasses.replace(box, height=box.height - BEHIND)
        yield f'<rect class="block" {_place(dataclasses.replace(box, x=box.x + BEHIND, y=box.y + BEHIND))} rx="6"/>'
    yield f'<rect class="{node.kind}" {_place(box)} rx="{round_:.1f}"/>'
    middle, y = box.x + box.width / 2, box.y + INSET + TITLE - 2
    yield _line(node.title, middle, y, TITLE, 'text-anchor="middle" font-weight="600"')
    for number, line in enumerate(node.lines, 1):
        yield _line(line, middle, y + number * ROW, LINE, 'text-anchor="middle"')
    yield "</g>"


def _label(label: Label) -> str:
    return _line(label.text, label.x, label.y, LABEL, 'class="faint" text-anchor="middle"')


def _line(text: str, x: float, y: float, size: float, more: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" {more}>{_text(text)}</text>'


def _path(stroke: Stroke) -> str:
    """Down, an S through the gap, down. The line ends where the arrow's head begins."""
    end = stroke.y1 - (5 if stroke.head == "down" else 0)
    middle, turn = (stroke.turn0 + stroke.turn1) / 2, min(stroke.turn1, end)
    over = f"C{stroke.x0:.1f} {middle:.1f} {stroke.x1:.1f} {middle:.1f} {stroke.x1:.1f} {turn:.1f}"
    return f"M{stroke.x0:.1f} {stroke.y0:.1f}V{stroke.turn0:.1f}{over}V{end:.1f}"


def _head(stroke: Stroke) -> str:
    if stroke.head == "up":
        return f"M{stroke.x0:.1f} {stroke.y0:.1f}l-3.5 7h7z"
    return f"M{stroke.x1:.1f} {stroke.y1:.1f}l-3.5 -7h7z"


def _place(box: Box) -> str:
    return f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'


def _rules(colours: dict[str, str]) -> str:
    return "".join(f"{selector}{{{style}}}" for selector, style in colours.items())


def _text(text: str) -> str:
    return escape(printable(text))
