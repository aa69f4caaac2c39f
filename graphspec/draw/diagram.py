"""What a picture shows of a network: boxes with their lines of text, groups of them, and the values between."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator
from typing import Any, Literal

from graphspec.ops.inferred import INFERRED
from graphspec.shapes import ShapedGraph, ShapedLayer, ValueRef
from graphspec.spec.names import enclosing

_WIDEST, _MOST_LINES = 36, 3
#: These can be read off the shape of the output.
_SEEN = frozenset(["out_features", "out_channels", "embedding_dim"])
Kind = Literal["input", "output", "layer", "learned", "block"]


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """One box: `name` in full, dotted, and `title` as shown; a ``block`` stands for the layers inside."""

    name: str
    title: str
    lines: tuple[str, ...]
    kind: Kind
    tooltip: str


@dataclasses.dataclass(frozen=True, slots=True)
class Edge:
    """A value on its way from one box to another; `label` is its shape."""

    source: str
    value: ValueRef
    target: str
    label: str


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """Boxes in execution order and the edges between them. ``groups`` are the opened blocks, name → title."""

    title: str
    nodes: dict[str, Node]
    edges: tuple[Edge, ...]
    groups: dict[str, str]


def picture(shaped: ShapedGraph, depth: int | None = 0) -> Picture:
    """The picture with blocks opened `depth` levels deep, all of them for None."""
    return _Painter(shaped, depth).picture()


def depth_of(shaped: ShapedGraph) -> int:
    """How many levels of blocks the network has."""
    return max((layer.name.count(".") for layer in shaped.layers), default=0)


class _Painter:
    def __init__(self, shaped: ShapedGraph, depth: int | None) -> None:
        self.shaped = shaped
        self.depth = depth
        self.by_name = {layer.name: layer for layer in shaped.layers}
        self.inside: dict[str, list[ShapedLayer]] = {}
        for layer in shaped.layers:
            for prefix in enclosing(layer.name):
                self.inside.setdefault(prefix, []).append(layer)

    def picture(self) -> Picture:
        nodes = {name: Node(name, name, (), "input", f"{name}: {kind}") for name, kind in self.shaped.inputs.items()}
        for layer in self.shaped.layers:
            shown = self.shown(layer.name)
            if shown not in nodes:
                nodes[shown] = self.layer(layer) if shown == layer.name else self.block(shown)
        groups = {prefix: self.heading(prefix) for name in nodes for prefix in enclosing(name)}
        edges = list(dict.fromkeys(self.edges()))
        for name, ref in self.shaped.outputs.items():
            key = f"{name}?"
            nodes[key] = Node(key, name, (), "output", f"{name}: {self.label(ref)}")
            edges.append(Edge(self.shown(ref.layer), ref, key, self.label(ref)))
        return Picture(self.shaped.spec.name, _contiguous(nodes), tuple(edges), groups)

    def shown(self, name: str) -> str:
        """The box that stands for a layer: itself, or the outermost closed block around it."""
        if self.depth is None or name in self.shaped.inputs:
            return name
        return ".".join(name.split(".")[: self.depth + 1])

    def edges(self) -> Iterator[Edge]:
        for layer in self.shaped.layers:
            target = self.shown(layer.name)
            for ref in _references(layer):
                source = self.shown(ref.layer)
                if source != target:
                    yield Edge(source, ref, target, self.label(ref))

    def label(self, ref: ValueRef) -> str:
        """The shape, after the value's name where the layer has several."""
        layer = self.by_name.get(ref.layer)
        text = str(layer.outputs[ref.index] if layer else self.shaped.inputs[ref.layer])
        names = {index: name for name, index in layer.op.values.items()} if layer else {}
        return f"{names[ref.index]}: {text}" if names.get(ref.index, "output") != "output" else text

    def layer(self, layer: ShapedLayer) -> Node:
        lines = _wrapped(" ".join(filter(None, [layer.type, _arguments(layer)])))
        if layer.module != layer.name:
            lines += _wrapped(f"the same as {layer.module}")
        elif layer.parameter_count:
            lines.append(_parameters(layer.parameter_count, layer.freeze))
        if layer.tie:
            lines += _wrapped(f"tied to {', '.join(layer.tie.values())}")
        kind: Kind = "learned" if layer.parameters else "layer"
        everything = ", ".join(f"{key}={value}" for key, value in layer.arguments.items())
        tooltip = f"{layer.name}: {layer.type}({everything})"
        return Node(layer.name, layer.name.rpartition(".")[2], tuple(lines), kind, tooltip)

    def block(self, name: str) -> Node:
        layers = self.inside[name]
        count = f"{len(layers)} layers" if len(layers) > 1 else "1 layer"
        lines = [self.kind(name), count, self.owned(name) or "no parameters"]
        shown = tuple(line for line in lines if line)
        return Node(name, name.rpartition(".")[2], shown, "block", f"{name}: {', '.join(shown)}")

    def heading(self, prefix: str) -> str:
        parts = [prefix.rpartition(".")[2], self.kind(prefix), self.owned(prefix)]
        return "  ·  ".join(part for part in parts if part)

    def owned(self, prefix: str) -> str:
        """How many parameters a block has, or whose they are."""
        layers = self.inside[prefix]
        first = layers[0]
        if first.module != first.name:
            return f"the same as {first.module.removesuffix(first.name.removeprefix(prefix))}"
        return _parameters(sum(layer.parameter_count for layer in layers))

    def kind(self, prefix: str) -> str:
        """The name of the block, or ``Type × n`` for the copies of a repeat."""
        inside = self.inside[prefix]
        depth = prefix.count(".") + 1
        children = list(dict.fromkeys(layer.name.split(".")[depth] for layer in inside))
        own = [layer for layer in inside if layer.name.count(".") == depth]
        if own and own[0].at[-1] == own[0].name.rpartition(".")[2]:
            return str(own[0].at[1]) if own[0].at[0] == "blocks" else ""
        kinds = {layer.type for layer in own} or {self.kind(f"{prefix}.{child}") for child in children}
        if len(kinds) == 1 and all(child.isdigit() for child in children):
            return f"{kinds.pop()} × {len(children)}"
        return ""


def _contiguous(nodes: dict[str, Node]) -> dict[str, Node]:
    """The boxes in their order, but those of one group next to each other."""
    first: dict[str, int] = {}
    for number, name in enumerate(nodes):
        for part in (*enclosing(name), name):
            first.setdefault(part, number)
    order = sorted(nodes, key=lambda name: [first[part] for part in (*enclosing(name), name)])
    return {name: nodes[name] for name in order}


def _references(layer: ShapedLayer) -> Iterator[ValueRef]:
    for operand in layer.operands.values():
        yield from (
            item for item in (operand if isinstance(operand, list | tuple) else [operand]) if isinstance(item, ValueRef)
        )


def _arguments(layer: ShapedLayer) -> str:
    """What the spec says of a layer: arguments that are neither inferred, nor torch's defaults, nor seen in a shape."""
    parameters = {**layer.op.arguments, **layer.op.options}
    values = {**layer.arguments, **layer.operands}
    told = {
        name: _plain(values[name])
        for name, parameter in parameters.items()
        if name in values and name not in INFERRED and name not in _SEEN and values[name] != parameter.default
    }
    return ", ".join(f"{name}={text}" for name, text in told.items())


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_plain, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parameters(count: int, frozen: bool = False) -> str:
    noun = "parameter" if count == 1 else "parameters"
    return f"{count:,} {noun}{', frozen' if frozen else ''}" if count else ""


def _wrapped(text: str) -> list[str]:
    """`text` in a few lines; what does not fit is in the tooltip."""
    return textwrap.wrap(text, _WIDEST, max_lines=_MOST_LINES, placeholder=" …") or [""]
