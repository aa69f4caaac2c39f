"""Scopes as the lines of a spec: local names, ports and formulas written out."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from graphspec.importing.bodies import Body, Line, Network, Out, holder
from graphspec.importing.forward_pass import NotRecorded
from graphspec.importing.sight import Sight
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
    count: Any = None  # what `repeat` is called where instances of a block differ in it
    condition: Any = None
    line: Line | None = None
    path: str = ""
    free: set[str] = dataclasses.field(
        default_factory=set
    )  # arguments that say nothing here, as what they are for is absent

    @property
    def last(self) -> str:
        """What the last of its copies is called."""
        match = re.fullmatch(r"(.*)\$\{i(?: \+ (\d+))?\}", self.name)
        return f"{match[1]}{(self.repeat or 1) - 1 + int(match[2] or 0)}" if match else self.name

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
    spelled: set[str] = dataclasses.field(default_factory=set)  # variables that every line gives a value
    path: str = ""
    kin: str = ""  # blocks of one kin may be alike: those of a class, or of one attribute of a class


class Text(str):
    """An expression, with sizes in it."""


class Writer:
    """Resolves values to local names."""

    def __init__(self, network: Network, sight: Sight) -> None:
        self.network = network
        self.sight = sight

    def block(self, body: Body) -> Block:
        """`body` as a block of its own, those inside it with it."""
        inputs = list(body.inputs.values()) if body.parent else list(self.network.inputs)
        items = [self.item(item) for item in body.items]
        if body.parent:
            outputs = {name: self.reference(body, out) for out, name in body.outputs.items()}
        else:
            outputs = {name: self.reference(body, out) for name, out in self.network.outputs.items()}
        known = self.sight.values
        shapes = {name: known[out].shape for out, name in body.inputs.items() if out in known}
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
            first, second = self.sight.sizes(value.value, value.dim)
            return str(first) if first == second else self.size(line, (first, second))
        return str(int(value))

    def size(self, line: Line, sizes: tuple[int, int]) -> str:
        """A value that can be seen from `line` and has these sizes in the two recordings."""
        seen = self.sight.seen(line, sizes)
        if seen is None:
            raise NotRecorded(f"{line.body.path or 'the network'}: a size that {line.type} needs cannot be seen there")
        out, dim = seen
        return f"{self.reference(line.body, out)}.shape[{dim}]"
