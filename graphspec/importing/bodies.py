"""The tree of scopes as it is filled: lines in bodies, and what crosses their borders."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from graphspec.importing.forward_pass import Frame, Value


@dataclasses.dataclass(eq=False, repr=False)
class Line:
    """A layer in `body`; `fixed` where its name is one in the state_dict. `reuse` is the line whose weights it has.

    It is called as `hint`, or, where another layer has that name, as `usual`.
    """

    body: Body
    type: str
    hint: str
    order: float
    sources: dict[str, Any] = dataclasses.field(default_factory=dict)
    args: dict[str, Any] = dataclasses.field(default_factory=dict)
    fixed: bool = False
    path: str = ""
    reuse: str = ""
    name: str = ""
    keep: bool = False
    freeze: bool = False
    tie: dict[str, str] = dataclasses.field(default_factory=dict)
    parametrize: Any = None
    call: Any = None
    usual: str = ""


@dataclasses.dataclass(frozen=True)
class Out:
    """One value of a line."""

    line: Line
    selector: str = ""


@dataclasses.dataclass(eq=False, repr=False)
class Body:
    """A scope: the module at `path`. `inputs` and `outputs` are the values that cross its border, by name."""

    path: str
    parent: Body | None
    hint: str
    items: list[Line | Body] = dataclasses.field(default_factory=list)
    fixed: bool = True
    module: nn.Module | None = None
    frame: Frame | None = None
    reuse: str = ""
    name: str = ""
    inputs: dict[Out, str] = dataclasses.field(default_factory=dict)
    outputs: dict[Out, str] = dataclasses.field(default_factory=dict)

    @property
    def order(self) -> float:
        """Where it begins among all lines."""
        return min((item.order for item in self.items), default=float("inf"))

    def lines(self) -> Iterator[Line]:
        """Every line inside."""
        for item in self.items:
            if isinstance(item, Body):
                yield from item.lines()
            else:
                yield item

    def above(self) -> list[Body]:
        """This body and those around it, from inside out."""
        return [self, *(self.parent.above() if self.parent else ())]


@dataclasses.dataclass(frozen=True)
class Network:
    """The whole: the root's body, its inputs, its outputs by name, and the numbers that its constants do not say."""

    root: Body
    inputs: dict[str, Value]
    outputs: dict[str, Out]
    held: Mapping[Line, Tensor]


def holder(body: Body, out: Out) -> Line | Body:
    """The item of `body` that a value comes out of."""
    item: Line | Body = out.line
    while True:
        parent = item.body if isinstance(item, Line) else item.parent
        if parent is body or parent is None:
            return item
        item = parent


def prune(body: Body) -> None:
    """Take away the scopes of modules that do nothing."""
    for item in list(body.items):
        if isinstance(item, Body):
            prune(item)
            if not item.items:
                body.items.remove(item)


def dissolve(body: Body) -> None:
    """Replace every scope below `body` that holds nothing but one function, of which no state_dict knows."""
    for place, item in enumerate(body.items):
        if not isinstance(item, Body):
            continue
        dissolve(item)
        only = item.items[0] if len(item.items) == 1 else None
        if isinstance(only, Line) and not only.fixed and not only.path and not item.reuse:
            only.body, only.hint, only.fixed = body, item.hint, item.fixed
            body.items[place] = only


def full_name(line: Line) -> str:
    """What the compiled module calls `line`."""
    return ".".join([*reversed([body.name for body in line.body.above() if body.parent]), line.name])


def relative(path: str, base: str) -> str:
    """`path` as it is called inside the module at `base`."""
    return path.removeprefix(f"{base}.") if base and path.startswith(f"{base}.") else path
