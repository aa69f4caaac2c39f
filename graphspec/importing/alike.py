"""Which scopes are one block: equal but for numbers, or but for layers that some lack."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Mapping
from typing import Any

from graphspec.importing.bodies import relative
from graphspec.importing.copies import MISSING, Each
from graphspec.importing.items import Block, Item, Text
from graphspec.spec.expressions import ExpressionError, check_length

#: A chain of so many copies may have variables for each of them.
_MOST_BY_COPY = 4
#: A small scope may lack so many lines, a large one a quarter of its lines.
_MOST_LACKING = 4


@dataclasses.dataclass(frozen=True)
class Lacking:
    """`items` that a block lacks of another, and what its own are called there by their `names`."""

    items: list[Item]
    names: dict[str, str]


def skeleton(block: Block) -> Any:
    """What two blocks have in common where they can be one: inputs, outputs, and each line but for its numbers."""
    rows = tuple(_row(item, block) for item in block.items)
    return tuple(block.inputs), tuple(block.outputs.items()), rows


def skeleton_but_counts(block: Block) -> Any:
    """:func:`skeleton` of a block in which layers are repeated, whatever their number; None where that cannot be.

    What differs between their copies may be the first against the others alone, and what follows takes the last.
    """
    if not any(item.repeat for item in block.items):
        return None
    rows, before = [], None
    for item in block.items:
        copy = Item(**vars(item))
        copy.condition = None  # some of one of the two may lack it
        copy.source = "the one before" if before and item.source == before else item.source
        if item.repeat:
            if any(isinstance(value, Each) and len({*map(repr, value[1:])}) > 1 for value in item.args.values()):
                return None
            copy.args = {name: value[0] if isinstance(value, Each) else value for name, value in item.args.items()}
            copy.repeat = 1
        rows.append(_row(copy, block))
        before = item.last
    outputs = [(name, "the last" if ref == before else ref) for name, ref in block.outputs.items()]
    if len(outputs) == 1:  # it is called as the last copy is
        outputs = [("", outputs[0][1])]
    return tuple(block.inputs), tuple(outputs), tuple(rows)


def _row(item: Item, block: Block) -> Any:
    kind = id(item.type) if isinstance(item.type, Block) else "*" if _is_plain(item) else item.type
    source = sorted(item.source) if _is_sum(item) else item.source
    return (
        item.name, kind, _frozen(source), relative(item.reuse, block.path), item.keep, item.freeze,
        tuple(item.tie.items()), repr(item.parametrize), item.repeat, item.condition is not None,
        tuple((name, (_data if name == "data" else _structure)(value)) for name, value in sorted(item.args.items())),
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


def _data(value: Any) -> Any:
    """Numbers of a Buffer, as many as a variable may hold, may be any."""
    with contextlib.suppress(ExpressionError):
        check_length(value)
        return "*"
    return "data", repr(value)


def _structure(value: Any) -> Any:
    if isinstance(value, Each):
        return "*" if len(value) <= _MOST_BY_COPY else ("copies", repr(value))
    if isinstance(value, list):
        return tuple(_structure(item) for item in value) if len(value) <= 8 else ("list", repr(value))
    return ("text", str(value)) if isinstance(value, Text) else "*"


def lacking_in(small: Block, large: Block) -> Lacking | None:
    """The items of `large` that `small` lacks, where nothing else is different.

    An item that is left out hands on its first input; a sum in `large` is turned round where that makes it fit.
    """
    if small.kin != large.kin or small.inputs != large.inputs or len(small.outputs) != len(large.outputs):
        return None
    count = len(large.items) - len(small.items)
    if not 1 <= count <= max(_MOST_LACKING, len(large.items) // 4):
        return None
    names = {item.name for item in small.items}
    sums = [item for item in large.items if item.name not in names and _is_sum(item)][:_MOST_LACKING]
    for turned in itertools.product((False, True), repeat=len(sums)):
        order = {item.name: item.source[::-1] for item, turn in zip(sums, turned, strict=True) if turn}
        found = _aligned(small, large, order)
        if found:
            for item in sums:
                item.source = order.get(item.name, item.source)
            return found
    return None


def _aligned(small: Block, large: Block, order: Mapping[str, Any]) -> Lacking | None:
    """`small` laid beside `large`, item by item: what does not fit is lacking, and hands on its first input."""
    found = Lacking([], {})
    passed: dict[str, str] = {}
    rest = list(small.items)
    for item in large.items:
        if rest and _row(_named(rest[0], item, found.names), small) == _row(_passing(item, passed), large):
            found.names[rest.pop(0).name] = item.name
            continue
        first = _first_source(order.get(item.name, item.source))
        if item.keep or (isinstance(item.type, Block) and first is None):  # nothing that it could hand on
            return None
        found.items.append(item)
        if first is not None:
            passed[item.name] = passed.get(first, first)
    outputs = [passed.get(ref, ref) for ref in large.outputs.values()]
    same = outputs == [_renamed(ref, found.names) for ref in small.outputs.values()]
    same &= len(outputs) == 1 or [*small.outputs] == [*large.outputs]
    return found if same and not rest and found.items else None


def _named(item: Item, other: Item, names: Mapping[str, str]) -> Item:
    """`item` with the names that its block's items have in another block: its own only if no state_dict knows it."""
    copy = Item(**vars(item))
    copy.source = _through(item.source, lambda ref: _renamed(ref, names))
    fixed = item.line.fixed if item.line else not item.reuse
    copy.name = item.name if fixed else other.name
    return copy


def _renamed(ref: str, names: Mapping[str, str]) -> str:
    name, dot, selector = ref.partition(".")
    return names.get(name, name) + dot + selector


def _is_sum(item: Item) -> bool:
    """Whether it adds two values, whose order is the same to the last bit."""
    return item.type == "add" and isinstance(item.source, list) and item.args.keys() <= {"broadcast"}


def _first_source(source: Any) -> str | None:
    while isinstance(source, list | dict):
        source = next(iter(source.values() if isinstance(source, dict) else source), None)
    return source


def _passing(item: Item, passed: Mapping[str, str]) -> Item:
    copy = Item(**vars(item))
    copy.source = _through(item.source, lambda ref: passed.get(ref, ref))
    return copy


def _through(source: Any, change: Callable[[str], str]) -> Any:
    """`source` with each of its names changed."""
    if isinstance(source, list):
        return [_through(each, change) for each in source]
    if isinstance(source, dict):
        return {key: _through(each, change) for key, each in source.items()}
    return source if source is None else change(source)


def fill(small: Block, large: Block) -> None:
    """Give `small` the items that it lacks, as absent ones, and the names that `large` has for the others."""
    lacking = lacking_in(small, large)
    assert lacking
    own = {lacking.names[item.name]: item for item in small.items}
    filled = []
    for item in large.items:
        if item.name in own:
            own[item.name].source, own[item.name].name = item.source, item.name
            filled.append(own[item.name])
        else:
            copy = Item(**vars(item))
            copy.args = {name: MISSING if name == "data" else _missing(value) for name, value in item.args.items()}
            copy.condition = False
            item.condition = True
            filled.append(copy)
    small.items, small.outputs = filled, dict(large.outputs)


def _missing(value: Any) -> Any:
    return [_missing(item) for item in value] if isinstance(value, list) and not isinstance(value, Each) else MISSING
