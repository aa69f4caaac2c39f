"""A network as Mermaid text, which GitHub and GitLab draw in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from graphspec.diagnostics import printable
from graphspec.draw.diagram import Node, Picture, picture
from graphspec.shapes import ShapedGraph
from graphspec.spec.names import enclosing

_SHAPES = {
    "input": ("([", "])"),
    "output": ("([", "])"),
    "layer": ("[", "]"),
    "learned": ("[", "]"),
    "block": ("[[", "]]"),
}
#: Stroke colours that stand out on white and on black; fills and text are the theme's.
_STYLES = {
    "input": "stroke:#8250df",
    "output": "stroke:#8250df",
    "learned": "stroke:#0969da",
    "block": "stroke:#bf8700",
}


def mermaid(shaped: ShapedGraph, depth: int | None = 0) -> str:
    """The flowchart, blocks opened `depth` levels deep (None: all)."""
    shown = picture(shaped, depth)
    ids = {name: f"n{number}" for number, name in enumerate(shown.nodes)}
    groups = {name: f"g{number}" for number, name in enumerate(shown.groups)}
    lines = ["flowchart TD", *_boxes(shown, ids, groups)]
    edges = {(edge.source, edge.target, edge.label): edge for edge in shown.edges}.values()
    lines += [f'  {ids[edge.source]} -->|"{_escaped(edge.label)}"| {ids[edge.target]}' for edge in edges]
    for kind, style in _STYLES.items():
        members = [ids[node.name] for node in shown.nodes.values() if node.kind == kind]
        if members:
            lines += [f"  classDef {kind} {style}", f"  class {','.join(members)} {kind}"]
    return "\n".join(lines) + "\n"


def _boxes(shown: Picture, ids: dict[str, str], groups: dict[str, str]) -> Iterator[str]:
    """The nodes, each inside the subgraphs of its opened blocks."""
    opened: list[str] = []
    for node in shown.nodes.values():
        around = enclosing(node.name)
        while opened != around[: len(opened)]:
            yield f"{'  ' * len(opened)}end"
            opened.pop()
        for name in around[len(opened) :]:
            opened.append(name)
            yield f'{"  " * len(opened)}subgraph {groups[name]}["{_escaped(shown.groups[name])}"]'
        yield f"{'  ' * (len(opened) + 1)}{ids[node.name]}{_box(node)}"
    for depth in range(len(opened), 0, -1):
        yield f"{'  ' * depth}end"


def _box(node: Node) -> str:
    left, right = _SHAPES[node.kind]
    text = "<br/>".join([f"<b>{_escaped(node.title)}</b>", *map(_escaped, node.lines)])
    return f'{left}"{text}"{right}'


def _escaped(text: str) -> str:
    """Text as Mermaid shows it: everything but letters, digits and harmless signs as a character code."""
    return "".join(c if c.isalnum() or c in " .,:_+-*/=()×·…→" else f"#{ord(c)};" for c in printable(text))
