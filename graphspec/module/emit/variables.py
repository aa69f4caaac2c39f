"""Local variables of one forward: a value takes over the name of one that is not read again, so that it is freed."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator

from graphspec.module.build import references
from graphspec.module.emit.tree import Scope
from graphspec.shapes.dims import SizeExpr, dim_text, symbol
from graphspec.shapes.shaped import ShapedGraph, ShapedLayer, ValueRef

_NAMES = ("x", "out", "y", "z", "u", "v", "w")


class Variables:
    """Which variable holds which value of a scope, line by line."""

    def __init__(self, scope: Scope, shaped: ShapedGraph) -> None:
        self.scope = scope
        self.names: dict[ValueRef, str] = {}
        self.last_use: dict[str, int] = {}
        self.line = 0
        self.fixed = set(shaped.inputs) if not scope.prefix else set()
        self.sizes = {symbol(name): symbol(_size_name(name, shaped)) for name in shaped.dims}
        self._count_uses(shaped)
        for position, ref in enumerate(scope.inputs if scope.prefix else [ValueRef(name) for name in shaped.inputs]):
            self.names[ref] = ref.layer if not scope.prefix else _numbered(position)

    def _count_uses(self, shaped: ShapedGraph) -> None:
        """The last line on which each producer is read."""
        for number, item in enumerate(self.scope.items):
            for ref in item.inputs if isinstance(item, Scope) else references(item):
                self.last_use[ref.layer] = number
        ends = self.scope.outputs if self.scope.prefix else shaped.outputs.values()
        self.last_use |= {ref.layer: len(self.scope.items) for ref in ends}

    def parameters(self) -> list[str]:
        """forward's parameters."""
        return list(self.names.values())

    def of(self, ref: ValueRef | SizeExpr) -> str:
        """The expression for a value, or for a run-time size."""
        if isinstance(ref, SizeExpr):
            return dim_text(ref.dim.xreplace(self.sizes))
        if ref in self.names:
            return self.names[ref]
        whole = self.names[ValueRef(ref.layer)]
        return whole + "".join(f"[{number}]" for number in ref.index)

    def bind(self, ref: ValueRef, text: str) -> None:
        """Let `text` stand for a value without a line of its own."""
        self.names[ref] = text

    def targets(self, item: ShapedLayer | Scope, number: int) -> list[str]:
        """Names for what line `number` computes."""
        alive = {
            self.names[ref]
            for ref in self.names
            if self.last_use.get(ref.layer, -1) > number or self.names[ref] in self.fixed
        }
        read = item.inputs if isinstance(item, Scope) else references(item)
        free = [self.names[ref] for ref in read if ref in self.names and self.names[ref].isidentifier()]
        free = [name for name in dict.fromkeys(free) if name not in alive]
        if isinstance(item, Scope):
            found = []
            for ref in item.outputs:
                found.append(self._take(free, alive))
                self.names[ref] = found[-1]
            return found
        name = self._take(free, alive)
        self.names[ValueRef(item.name)] = name
        return [name]

    def _take(self, free: list[str], alive: set[str]) -> str:
        name = free.pop(0) if free else next(name for name in _candidates() if name not in alive)
        alive.add(name)
        return name


def _size_name(name: str, shaped: ShapedGraph) -> str:
    """The variable that holds a dim: its name, where no other variable, module or function is called so."""
    taken = {*shaped.inputs, *dir(builtins), "self", "torch", "nn", "Tensor"}
    while name in taken or re.fullmatch(rf"(?:{'|'.join(_NAMES)})\d*", name):
        name = f"{name}_size"
        taken |= set(shaped.dims)
    return name


def _numbered(position: int) -> str:
    return _NAMES[0] if position == 0 else f"{_NAMES[0]}{position}"


def _candidates() -> Iterator[str]:
    yield from _NAMES
    number = 1
    while True:
        yield f"v{number}"
        number += 1
