"""Which scopes are one block: equal but for numbers, or but for layers that some lack."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from graphspec.importing.bodies import relative
from graphspec.importing.copies import MISSING, Each
from graphspec.importing.items import Block, Item, Text

#: A chain of so many copies may have variables for each of them.
_MOST_BY_COPY = 4


def skeleton(block: Block) -> Any:
    rows = tuple(_row(item, block) for item in block.items)
    return tuple(block.inputs), tuple(block.outputs.items()), rows


def _row(item: Item, block: Block) -> Any:
    kind = id(item.type) if isinstance(item.type, Block) else "*" if _is_plain(item) else item.type
    source = sorted(item.source) if _is_sum(item) else item.source
    return (
        item.name, kind, _frozen(source), relative(item.reuse, block.path), item.keep, item.freeze,
        tuple(item.tie.items()), repr(item.parametrize), item.repeat, item.condition is not None,
        tuple((name, _structure(value)) for name, value in sorted(item.args.items())),
    )  # fmt: skip


def _is_plain(item: Item) -> bool:
    """A module without arguments, such as an activation: which one may be a variable."""
    return bool(
        item.line
        and item.line.path
        and not item.args
        and item.type not in ("Parameter", "Buffer")
        and isinstance(item.source, str)
        and isinstance(item.type, str)
        and item.type[0].isupper()
        and item.type not in ("Linear", "BatchNorm2d", "BatchNorm1d", "LayerNorm")
    )


def _frozen(source: Any) -> Any:
    if isinstance(source, dict):
        return tuple((key, _frozen(value)) for key, value in source.items())
    return tuple(source) if isinstance(source, list) else source


def _structure(value: Any) -> Any:
    if isinstance(value, Each):
        return "*" if len(value) <= _MOST_BY_COPY else ("copies", repr(value))
    if isinstance(value, list):
        return tuple(_structure(item) for item in value) if len(value) <= 8 else ("list", repr(value))
    return ("text", str(value)) if isinstance(value, Text) else "*"


def lacking_in(small: Block, large: Block) -> list[Item] | None:
    """The items of `large` that `small` lacks, where nothing else is different.

    An item that is left out hands on its first input; a sum in `large` is turned round where that makes it fit.
    """
    if small.kin != large.kin or small.inputs != large.inputs:
        return None
    names = {item.name for item in small.items}
    lacking = [item for item in large.items if item.name not in names]
    if not 1 <= len(lacking) <= 3 or len(small.items) + len(lacking) != len(large.items):
        return None
    sums = [item for item in lacking if _is_sum(item)]
    for turned in itertools.product((False, True), repeat=len(sums)):
        order = {item.name: item.source[::-1] for item, turn in zip(sums, turned, strict=True) if turn}
        if _without(small, large, lacking, order):
            for item in sums:
                item.source = order.get(item.name, item.source)
            return lacking
    return None


def _without(small: Block, large: Block, lacking: Sequence[Item], order: Mapping[str, Any]) -> bool:
    """Whether `large` is `small` where the items that are lacking hand on their first input."""
    passed: dict[str, str] = {}
    for item in lacking:
        first = _first_source(order.get(item.name, item.source))
        if first is None or item.keep:
            return False
        passed[item.name] = passed.get(first, first)
    rest = [item for item in large.items if item not in lacking]
    for a, b in zip(small.items, rest, strict=True):
        if _row(a, small) != _row(_passing(b, passed), large):
            return False
    return [passed.get(ref, ref) for ref in large.outputs.values()] == list(small.outputs.values())


def _is_sum(item: Item) -> bool:
    """Whether it adds two values, whose order is the same to the last bit."""
    return item.type == "add" and isinstance(item.source, list) and item.args.keys() <= {"broadcast"}


def _first_source(source: Any) -> str | None:
    while isinstance(source, list | dict):
        source = next(iter(source.values() if isinstance(source, dict) else source), None)
    return source


def _passing(item: Item, passed: dict[str, str]) -> Item:
    def through(source: Any) -> Any:
        if isinstance(source, list):
            return [through(each) for each in source]
        if isinstance(source, dict):
            return {key: through(each) for key, each in source.items()}
        return passed.get(source, source)

    copy = Item(**vars(item))
    copy.source = through(item.source)
    return copy


def fill(small: Block, large: Block) -> None:
    """Give `small` the items that it lacks, as absent ones."""
    lacking = lacking_in(small, large)
    assert lacking
    own = {item.name: item for item in small.items}
    filled = []
    for item in large.items:
        if item.name in own:
            own[item.name].source = item.source
            filled.append(own[item.name])
        else:
            copy = Item(**vars(item))
            copy.args = {name: _missing(value) for name, value in item.args.items()}
            copy.condition = False
            item.condition = True
            filled.append(copy)
    small.items, small.outputs = filled, dict(large.outputs)


def _missing(value: Any) -> Any:
    return [_missing(item) for item in value] if isinstance(value, list) and not isinstance(value, Each) else MISSING
