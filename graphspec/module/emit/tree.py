"""The layers as nested scopes, by the dots in their names: each scope becomes a class with inputs and outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import sympy

from graphspec.module.build import references
from graphspec.shapes.dims import SizeExpr, multiple_of
from graphspec.shapes.shaped import ShapedGraph, ShapedLayer, ValueRef


@dataclasses.dataclass(eq=False)
class Scope:
    """Layers under one prefix. ``inputs`` are values from outside, ``outputs`` those that the outside reads."""

    prefix: str
    items: list[ShapedLayer | Scope] = dataclasses.field(default_factory=list)
    inputs: list[ValueRef] = dataclasses.field(default_factory=list)
    outputs: list[ValueRef] = dataclasses.field(default_factory=list)

    @property
    def name(self) -> str:
        """The last part of the prefix: its attribute in the scope around it."""
        return self.prefix.rpartition(".")[2]

    def layers(self) -> Iterator[ShapedLayer]:
        """Every layer inside, in execution order."""
        for item in self.items:
            if isinstance(item, Scope):
                yield from item.layers()
            else:
                yield item

    def holds(self, name: str) -> bool:
        """Whether the dotted `name` lies inside."""
        return not self.prefix or name.startswith(f"{self.prefix}.")


def scopes(shaped: ShapedGraph) -> Scope:
    """The root scope. A scope that does not run in one piece, or calls modules outside, is merged into its parent."""
    root = Scope("")
    open_scopes: dict[str, Scope] = {"": root}
    for layer in shaped.layers:
        parent = layer.name.rpartition(".")[0]
        _scope_of(parent, open_scopes).items.append(layer)
    _settle(root, shaped)
    _connect(root, shaped)
    return root


def _scope_of(prefix: str, known: dict[str, Scope]) -> Scope:
    if prefix not in known:
        known[prefix] = Scope(prefix)
        _scope_of(prefix.rpartition(".")[0], known).items.append(known[prefix])
    return known[prefix]


def _settle(scope: Scope, shaped: ShapedGraph) -> None:
    """Put items into an order in which each comes after what it reads; merge scopes that cannot stand alone."""
    for item in list(scope.items):
        if isinstance(item, Scope):
            _settle(item, shaped)
            if not _stands_alone(item, shaped):
                place = scope.items.index(item)
                scope.items[place : place + 1] = item.items
    scope.items = _ordered(scope, shaped)


def _stands_alone(scope: Scope, shaped: ShapedGraph) -> bool:
    inner = {layer.name for layer in scope.layers()}
    reads = [ref for layer in scope.layers() for ref in references(layer) if ref.layer not in inner]
    needed = {symbol for layer in scope.layers() for symbol in size_symbols(layer)}
    dims = {dim for ref in reads for dim in shaped.type_of(ref).shape}
    known = {symbol for symbol in needed if any(multiple_of(dim, symbol) for dim in dims)}
    written = any(ref.layer in inner for layer in shaped.layers if layer.name not in inner for ref in references(layer))
    result = written or any(ref.layer in inner for ref in shaped.outputs.values())
    return result and bool(reads) and needed <= known and all(scope.holds(layer.module) for layer in scope.layers())


def size_symbols(layer: ShapedLayer) -> set[sympy.Symbol]:
    """The dynamic dims that a layer's arguments read at run time."""
    values = [item for v in layer.operands.values() for item in (v if isinstance(v, list | tuple) else [v])]
    return {symbol for value in values if isinstance(value, SizeExpr) for symbol in value.dim.free_symbols}


def _ordered(scope: Scope, shaped: ShapedGraph) -> list[ShapedLayer | Scope]:
    """Execution order on the level of this scope; a scope that would have to run in two parts is merged."""
    remaining = list(scope.items)
    inside = {id(item): {layer.name for layer in _layers(item)} for item in remaining}
    here = set().union(*inside.values()) if inside else set()
    done: set[str] = set()
    order: list[ShapedLayer | Scope] = []
    while remaining:
        ready = next((item for item in remaining if _reads(item) & here <= done | inside[id(item)]), None)
        if ready is None:
            split = next(item for item in remaining if isinstance(item, Scope))
            place = remaining.index(split)
            remaining[place : place + 1] = split.items
            inside |= {id(item): {layer.name for layer in _layers(item)} for item in split.items}
            continue
        remaining.remove(ready)
        order.append(ready)
        done |= inside[id(ready)]
    return order


def _layers(item: ShapedLayer | Scope) -> list[ShapedLayer]:
    return list(item.layers()) if isinstance(item, Scope) else [item]


def _reads(item: ShapedLayer | Scope) -> set[str]:
    return {ref.layer for layer in _layers(item) for ref in references(layer)}


def _connect(scope: Scope, shaped: ShapedGraph) -> None:
    """Fill inputs and outputs of every scope."""
    readers = [(layer.name, ref) for layer in shaped.layers for ref in references(layer)]
    for item in scope.items:
        if not isinstance(item, Scope):
            continue
        inner = {layer.name for layer in item.layers()}
        reads = (ref for layer in item.layers() for ref in references(layer))
        item.inputs = list(dict.fromkeys(ref for ref in reads if ref.layer not in inner))
        outside = [ref for reader, ref in readers if reader not in inner] + list(shaped.outputs.values())
        item.outputs = list(dict.fromkeys(ref for ref in outside if ref.layer in inner))
        _connect(item, shaped)
