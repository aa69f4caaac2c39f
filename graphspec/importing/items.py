"""Scopes as the lines of a spec: local names, ports and formulas written out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from graphspec.importing.bodies import Body, Line, Network, Out, holder
from graphspec.importing.forward_pass import NotRecorded, Value
from graphspec.importing.sizes import Computed, SizeOf
from graphspec.ops import lookup

#: Classes that say nothing of what they hold: their blocks are called as the attribute is.
CONTAINERS = frozenset(["", "Sequential", "ModuleList", "ModuleDict", "Module"])


@dataclasses.dataclass(eq=False, repr=False)
class Item:
    """One line. `type` is a layer type, or the block that it is an instance of."""

    name: str
    type: str | Block
    source: Any = None  # as ``from`` has it, always written: a name, a list of names, or a table
    args: dict[str, Any] = dataclasses.field(default_factory=dict)
    reuse: str = ""
    keep: bool = False
    freeze: bool = False
    tie: dict[str, str] = dataclasses.field(default_factory=dict)
    parametrize: Any = None
    repeat: int | None = None
    condition: Any = None
    line: Line | None = None
    path: str = ""
    free: set[str] = dataclasses.field(
        default_factory=set
    )  # arguments that say nothing here, as what they are for is absent

    @property
    def block(self) -> Block:
        """The block that this is an instance of."""
        assert isinstance(self.type, Block)
        return self.type


@dataclasses.dataclass(eq=False, repr=False)
class Block:
    """Lines with inputs and outputs: a network, or a part of one. `title` is the Python class's name."""

    title: str
    inputs: list[str]
    items: list[Item]
    outputs: dict[str, str]
    shapes: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    name: str = ""
    variables: dict[str, Any] = dataclasses.field(default_factory=dict)
    path: str = ""
    kin: str = ""  # blocks of one kin may be alike: those of a class, or of one attribute of a class


class Text(str):
    """An expression, with sizes in it."""


class Writer:
    """Resolves values to local names; `sizes` gives a value's shape in both recordings."""

    def __init__(
        self,
        network: Network,
        sizes: Callable[[Value], tuple[tuple[int, ...], tuple[int, ...]]],
        values: Mapping[Out, Value],
    ) -> None:
        self.network = network
        self.sizes = sizes
        self.values = values

    def block(self, body: Body) -> Block:
        """`body` as a block of its own, those inside it with it."""
        inputs = list(body.inputs.values()) if body.parent else list(self.network.inputs)
        items = [self.item(item) for item in body.items]
        if body.parent:
            outputs = {name: self.reference(body, out) for out, name in body.outputs.items()}
        else:
            outputs = {name: self.reference(body, out) for name, out in self.network.outputs.items()}
        shapes = {name: self.values[out].shape for out, name in body.inputs.items() if out in self.values}
        title = type(body.module).__name__ if body.module is not None else ""
        return Block(title, inputs, items, outputs, shapes, path=body.path)

    def item(self, item: Line | Body) -> Item:
        if isinstance(item, Body):
            block = self.block(item)
            assert item.parent
            sources: Any = [self.reference(item.parent, out) for out in item.inputs]
            return Item(
                item.name, block, sources[0] if len(sources) == 1 else sources, reuse=item.reuse, path=item.path
            )
        args = {name: self.argument(item, value) for name, value in item.args.items()}
        return Item(
            item.name, item.type, self.source(item), args, item.reuse, item.keep, item.freeze, dict(item.tie),
            item.parametrize, line=item, path=item.path,
        )  # fmt: skip

    def source(self, line: Line) -> Any:
        named = {
            port: [self.reference(line.body, each) for each in out] if isinstance(out, list)
            else self.reference(line.body, out)
            for port, out in line.sources.items()
        }  # fmt: skip
        ports = lookup(line.type).ports if named else ()
        if len(named) == 1 and ports and ports[0].many:
            return next(iter(named.values()))
        in_order = [port.name for port in ports[: len(named)]]
        if all(port in named and isinstance(named[port], str) for port in in_order):
            values = [named[port] for port in in_order]
            return values[0] if len(values) == 1 else values or None
        return named or None

    def reference(self, body: Body, out: Out) -> str:
        """What `out` is called inside `body`."""
        if out in body.inputs:
            return body.inputs[out]
        origin = holder(body, out)
        if isinstance(origin, Line):
            return f"{origin.name}.{out.selector}" if out.selector else origin.name
        return origin.name if len(origin.outputs) == 1 else f"{origin.name}.{origin.outputs[out]}"

    def argument(self, line: Line, value: Any) -> Any:
        if isinstance(value, SizeOf | Computed):
            return Text("${" + self.expression(line, value) + "}")
        if isinstance(value, tuple | list):
            return [self.argument(line, item) for item in value]
        return value

    def expression(self, line: Line, value: Any, inner: bool = False) -> str:
        if isinstance(value, Computed):
            text = (
                f"{self.expression(line, value.left, True)} {value.symbol} {self.expression(line, value.right, True)}"
            )
            return f"({text})" if inner else text
        if isinstance(value, SizeOf):
            first, second = self.sizes(value.value)
            if first[value.dim] == second[value.dim]:
                return str(first[value.dim])
            return self.size(line, first[value.dim], second[value.dim])
        return str(int(value))

    def size(self, line: Line, first: int, second: int) -> str:
        """A value that can be seen from `line` and has this size in both recordings."""
        for out, name in self.visible(line):
            value = self.values.get(out)
            if value is None:
                continue
            here, there = self.sizes(value)
            for dim, (a, b) in enumerate(zip(here, there, strict=True)):
                if (a, b) == (first, second):
                    return f"{name}.shape[{dim}]"
        raise NotRecorded(f"{line.body.path or 'the network'}: a size that {line.type} needs cannot be seen there")

    def visible(self, line: Line) -> list[tuple[Out, str]]:
        body = line.body
        if body.parent:
            found = list(body.inputs.items())
        else:
            found = [(out, out.line.name) for out in self.values if out.line.type == "input"]
        own = [source for given in line.sources.values() for source in (given if isinstance(given, list) else [given])]
        found += [(out, self.reference(body, out)) for out in own]
        found += [
            (out, out.line.name)
            for out in self.values
            if out.line.body is body and out.line.order < line.order and not out.selector
        ]
        return found
