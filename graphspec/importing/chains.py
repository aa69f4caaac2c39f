"""Chains of copies of one block become one line with ``repeat``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from graphspec.importing.copies import Each, of_copies
from graphspec.importing.items import CONTAINERS, Block, Item
from graphspec.importing.progression import Progression

#: The copies of a chain may differ in so many arguments: two copies in fewer numbers.
_MOST_DIFFERENT, _MOST_IN_TWO = 3, 1
#: How hard a difference between copies is to read.
_WEIGHTS = {"one": 0, "first": 1, "grows": 1, "every other": 2}
#: A list of so many characters is no value to be chosen by copy.
_LONG = 100


def collapse(item: Item) -> bool:
    """A scope that is nothing but a chain 0, 1, … of one block, or of equal layers, becomes that line, repeated.

    A stage of one block is a chain too, in a container.
    """
    block = item.type
    assert isinstance(block, Block)
    items = block.items
    least = 1 if block.title in CONTAINERS and items and isinstance(items[0].type, Block) else 2
    if len(items) < least or [each.name for each in items] != [str(n) for n in range(len(items))]:
        return False
    if list(block.outputs.values()) != [items[-1].name] or not _is_chain(items, block.inputs):
        return False
    first = items[0]
    item.source = _from_outside(first.source, block.inputs, item.source)
    item.type, item.repeat = first.type, len(items)
    item.keep, item.freeze, item.tie, item.parametrize = first.keep, first.freeze, first.tie, first.parametrize
    item.args = {name: of_copies(_values(items, name)) for name in first.args}
    return True


def _first_and_others(source: Any) -> tuple[Any, list[Any]]:
    if isinstance(source, dict):
        source = list(source.values())
    if not isinstance(source, list):
        return source, []
    return (source[0], source[1:]) if all(isinstance(name, str) for name in source) else (None, [])


def _from_outside(source: Any, inputs: Sequence[str], given: Any) -> Any:
    """`source` with the names that its block's inputs have outside, where `given` are taken for them."""
    names = dict(zip(inputs, given if isinstance(given, list) else [given], strict=True))
    if isinstance(source, dict):
        return {port: names[name] for port, name in source.items()}
    return [names[name] for name in source] if isinstance(source, list) else names[source]


def _is_chain(items: Sequence[Item], inputs: Sequence[str] | None) -> bool:
    """Whether each takes the one before first, and beside it the same values, of `inputs`, as all the others."""
    first = items[0]
    if first.repeat or (isinstance(first.type, Block) and len(first.block.outputs) != 1):
        return False
    source, others = _first_and_others(first.source)
    if source is None or (inputs is not None and not {source, *others} <= {*inputs}):
        return False
    for each in items:
        same = each.type is first.type if isinstance(first.type, Block) else each.type == first.type
        if not same or each.repeat or each.reuse or each.condition is not None:
            return False
        if _frozen_flags(each) != _frozen_flags(first) or _ports(each.source) != _ports(first.source):
            return False
        if _first_and_others(each.source) != (source, others):
            return False
        source = each.name
    return _may_differ(items) if isinstance(first.type, Block) else all(repr(x.args) == repr(first.args) for x in items)


def _ports(source: Any) -> Any:
    return list(source) if isinstance(source, dict) else type(source)


def _may_differ(items: Sequence[Item]) -> bool:
    """Whether the copies of a block differ in so few arguments that one line says it better."""
    names = items[0].args
    patterns = [_pattern(_values(items, name)) for name in names]
    if any(isinstance(each.args[name], Each) for each in items for name in names):
        return False
    if any(pattern != "one" and _is_long(items, name) for name, pattern in zip(names, patterns, strict=True)):
        return False
    if len(items) > 2 and patterns.count("any") > 1:
        return False
    if len(items) > 2:
        return len(patterns) - patterns.count("one") <= _MOST_DIFFERENT
    different = [_values(items, name) for name, pattern in zip(names, patterns, strict=True) if pattern != "one"]
    return sum(not isinstance(values[0], bool) for values in different) <= _MOST_IN_TWO  # "i > 0" reads well


def _is_long(items: Sequence[Item], name: str) -> bool:
    return any(isinstance(value, list) and len(repr(value)) > _LONG for value in _values(items, name))


def _values(items: Sequence[Item], name: str) -> list[Any]:
    """What an argument is in each copy; where it says nothing, as in the next copy, or the last that says something."""
    values = [each.args[name] for each in items]
    for number in range(len(items) - 2, -1, -1):
        if name in items[number].free:
            later = Progression.of(values[number + 1 :])
            values[number] = later.at(-1) if later and later.start else values[number + 1]
    if len(items) > 1 and name in items[-1].free:
        values[-1] = values[-2]
    return values


def _frozen_flags(item: Item) -> Any:
    return item.keep, item.freeze, tuple(item.tie.items()), repr(item.parametrize)


def _pattern(values: Sequence[Any]) -> str:
    if all(repr(value) == repr(values[0]) for value in values):
        return "one"
    if all(repr(value) == repr(values[1]) for value in values[1:]):
        return "first"
    if all(repr(value) == repr(values[n % 2]) for n, value in enumerate(values)):
        return "every other"
    return "grows" if len(values) > 2 and Progression.of(values) else "any"


def chain(block: Block) -> None:
    """Siblings with numbers in their names that are chains of one block become lines with ``${i}`` in their names."""
    items: list[Item] = []
    rest = list(block.items)
    while rest:
        siblings = _siblings(rest)
        items += [part[0] if len(part) == 1 else _repeated(part) for part in _parts(siblings)]
        del rest[: len(siblings)]
    block.items = items


def _siblings(items: Sequence[Item]) -> Sequence[Item]:
    """The first of `items`, and those after it whose names count on from its."""
    prefix, number = _numbered(items[0].name)
    most = 1
    while number is not None and most < len(items) and _numbered(items[most].name) == (prefix, number + most):
        most += 1
    return items[:most]


def _parts(items: Sequence[Item]) -> list[Sequence[Item]]:
    """`items` as chains and single ones: as few as can be, of those that with the fewest differences."""
    best: list[tuple[tuple[int, int], list[Sequence[Item]]]] = [((0, 0), [])]
    for end in range(1, len(items) + 1):
        found = []
        for start in range(end - 1, -1, -1):
            run = items[start:end]
            weight = _weight(run)
            if weight is not None:
                (lines, sum_of), parts = best[start]
                found.append(((lines + 1, sum_of + weight), [*parts, run]))
            elif not isinstance(run[0].type, Block) or run[0].type is not run[-1].type:
                break
        best.append(min(found, key=lambda one: one[0]))
    return best[-1][1]


def _weight(run: Sequence[Item]) -> int | None:
    """How much the copies of a chain differ; None where `run` is no chain."""
    if len(run) == 1:
        return 0
    if not isinstance(run[0].type, Block) or not _is_chain(run, None):
        return None
    patterns = [_pattern(_values(run, name)) for name in run[0].args]
    alike = len(run) > 2 or len(patterns) - patterns.count("one") <= 1
    # two beside others are a chain in every instance, or in none
    return sum(_WEIGHTS[pattern] for pattern in patterns) if alike and "any" not in patterns else None


def _repeated(run: Sequence[Item]) -> Item:
    """A chain as one line."""
    first = run[0]
    prefix, number = _numbered(first.name)
    return Item(
        f"{prefix}${{i + {number}}}" if number else f"{prefix}${{i}}",
        first.type,
        first.source,
        {key: of_copies(_values(run, key)) for key in first.args},
        repeat=len(run),
        path=first.path,
        keep=first.keep,
        freeze=first.freeze,
        tie=first.tie,
    )


def _numbered(name: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(.*?)(0|[1-9]\d*)", name)
    return (match[1], int(match[2])) if match else (name, None)
