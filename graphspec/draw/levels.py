"""A picture taken apart by opened blocks: each level is a flat graph, with ports where values cross its border."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Literal

from graphspec.draw.diagram import Edge, Node, Picture
from graphspec.shapes import ValueRef
from graphspec.spec.names import enclosing

ItemKind = Literal["node", "group", "entry", "exit"]


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """A box, an opened block, or the place on the border where a value enters or leaves."""

    kind: ItemKind
    name: str
    value: ValueRef | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """A value on its way between two items of one level."""

    source: Item
    value: ValueRef
    target: Item


@dataclasses.dataclass(slots=True)
class Level:
    """What stands directly in one opened block (or in the network, for the name ""), in order.

    ``entries``, ``exits`` and ``links`` have the shape of their value.
    """

    name: str
    title: str
    items: dict[Item, Node | Level] = dataclasses.field(default_factory=dict)
    entries: dict[Item, str] = dataclasses.field(default_factory=dict)
    exits: dict[Item, str] = dataclasses.field(default_factory=dict)
    links: dict[Link, str] = dataclasses.field(default_factory=dict)

    def everything(self) -> list[Item]:
        """All items: entries first, exits last."""
        return [*self.entries, *self.items, *self.exits]

    def labels(self) -> dict[Item, dict[ValueRef, str]]:
        """The shapes shown under each item: of the values that go on to another item, not only out of the block."""
        found: dict[Item, dict[ValueRef, str]] = {}
        for link, label in self.links.items():
            if link.target.kind != "exit":
                found.setdefault(link.source, {})[link.value] = label
        return found


def levels(picture: Picture) -> Level:
    """The outermost level, which holds all others."""
    found = {"": Level("", picture.title)}
    for name, node in picture.nodes.items():
        for group in enclosing(name):
            if group not in found:
                found[group] = Level(group, picture.groups[group])
                found[_around(group)].items[Item("group", group)] = found[group]
        found[_around(name)].items[Item("node", name)] = node
    for edge in picture.edges:
        for level, link in _links(edge):
            found[level].links[link] = edge.label
            if link.source.kind == "entry":
                found[level].entries[link.source] = edge.label
            if link.target.kind == "exit":
                found[level].exits[link.target] = edge.label
    return found[""]


def _around(name: str) -> str:
    return next(reversed(enclosing(name)), "")


def _links(edge: Edge) -> Iterator[tuple[str, Link]]:
    """An edge level by level: out of the blocks around its source, across, into those around its target."""
    left, entered = enclosing(edge.source), enclosing(edge.target)
    while left and entered and left[0] == entered[0]:
        left, entered = left[1:], entered[1:]
    here = Item("node", edge.source)
    for group in reversed(left):
        yield group, Link(here, edge.value, Item("exit", group, edge.value))
        here = Item("group", group)
    level = _around(left[0] if left else edge.source)
    for group in entered:
        yield level, Link(here, edge.value, Item("group", group))
        here, level = Item("entry", group, edge.value), group
    yield level, Link(here, edge.value, Item("node", edge.target))
