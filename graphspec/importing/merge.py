"""Scopes that are alike become one block with variables, chains become ``repeat``, layers that some lack ``if``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphspec.importing.alike import fill, lacking_in, skeleton, skeleton_but_counts
from graphspec.importing.chains import chain, collapse
from graphspec.importing.copies import MISSING
from graphspec.importing.items import CONTAINERS, Block, Item
from graphspec.importing.unified import unify
from graphspec.ops import lookup

_DIGITS = re.compile(r"\d+")
#: Classes that differ in a number at the end are of one kin: ``Bottleneck`` and ``Bottleneck2``.
_NUMBER = re.compile(r"(?<=[a-z])_?\d+$")


def merge(root: Block, absent: bool = True) -> list[Block]:
    """Merge all blocks below `root`, in place; the blocks that are left, in order of first use.

    With `absent` scopes are one block too where some lack a layer that others have.
    """
    for rank in _ranks(root):
        for group in _groups(rank, absent):
            unify(group)
    chain(root)
    return list(dict.fromkeys(_used(root)))


def _instances(block: Block) -> Iterator[Item]:
    for item in block.items:
        if isinstance(item.type, Block):
            yield from _instances(item.type)
            yield item


def _used(block: Block) -> Iterator[Block]:
    for item in block.items:
        if isinstance(item.type, Block) and not item.reuse:
            yield item.type
            yield from _used(item.type)


def _ranks(root: Block) -> list[list[Item]]:
    """All instances of blocks, those first that others hold; all of one class at once where that can be."""
    _name_kin(root, "")
    items = [item for item in _instances(root) if not item.reuse]
    inner = {
        id(item): [each for each in item.block.items if isinstance(each.type, Block) and not each.reuse]
        for item in items
    }
    keys = _keys(items, inner)
    ranks = dict.fromkeys(keys.values(), 0)
    settled = False
    while not settled:
        settled = True
        for item in items:
            rank = max((ranks[keys[id(each)]] + 1 for each in inner[id(item)]), default=0)
            if rank > ranks[keys[id(item)]]:
                ranks[keys[id(item)]], settled = rank, False
    ranked: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        ranked[ranks[keys[id(item)]]].append(item)
    return [ranked[rank] for rank in sorted(ranked)]


def _keys(items: Sequence[Item], inner: Mapping[int, Sequence[Item]]) -> dict[int, Any]:
    """What is ranked as one: a kin, or, where its members hold others of it, those of them that are as deep."""
    held: dict[str, set[str]] = defaultdict(set)
    depth: dict[int, int] = {}
    for item in items:  # what an instance holds comes before it
        held[item.block.kin] |= {each.block.kin for each in inner[id(item)]}
        depth[id(item)] = max((depth[id(each)] + 1 for each in inner[id(item)]), default=0)
    for middle in held:
        for kin in held:
            if middle in held[kin]:
                held[kin] |= held[middle]
    return {id(item): (kin := item.block.kin, depth[id(item)] if kin in held[kin] else 0) for item in items}


def _name_kin(block: Block, around: str) -> None:
    block.kin = _NUMBER.sub("", block.title) if block.title not in CONTAINERS else around
    for item in block.items:
        if isinstance(item.type, Block):
            _name_kin(item.type, f"{block.kin}.{_DIGITS.sub('#', item.name)}")


def _groups(items: Sequence[Item], absent: bool) -> list[list[Item]]:
    """Those that are one block: equal, or equal but for layers that some lack."""
    items = [item for item in items if not collapse(item)]
    for item in items:
        chain(item.block)
    _fill_defaults(items)
    exact: dict[Any, list[Item]] = defaultdict(list)
    for item in items:
        exact[skeleton(item.block)].append(item)
    groups = sorted(exact.values(), key=lambda group: -len(group[0].block.items))
    found: list[list[Item]] = []
    for group in groups:
        blocks = [item.block for item in group]  # of one skeleton, and of several kins perhaps
        home = next((other for other in found if absent and all(_beside(block, other) for block in blocks)), None)
        if home is None:
            found.append(list(group))
        else:
            for item in group:
                large = _beside(item.block, home)
                assert large
                fill(item.block, large)
            home += group
    return _but_for_counts(found)


def _beside(small: Block, group: Sequence[Item]) -> Block | None:
    """The block of `group`, of the same kin, that `small` is but for layers that it lacks."""
    large = next((item.block for item in group if item.block.kin == small.kin), None)
    return large if large and lacking_in(small, large) else None


def _but_for_counts(groups: Sequence[list[Item]]) -> list[list[Item]]:
    """`groups`, as one where they differ in how often a layer is repeated."""
    found: list[list[Item]] = []
    known: dict[Any, list[Item]] = {}
    for group in groups:
        whole = [item.block for item in group if all(each.condition is not False for each in item.block.items)]
        keys = {skeleton_but_counts(block) for block in whole}
        key = keys.pop() if len(keys) == 1 else None
        if key is not None and key in known:
            known[key] += group
            continue
        found.append(group)
        if key is not None:
            known[key] = group
    return found


def _fill_defaults(items: Sequence[Item]) -> None:
    """Give layers of one name and type in scopes that may be one block the same arguments: those that one leaves out.

    They may where they are of one class, or have the same lines but for these.
    """
    for alike in (lambda block: block.kin, _lines):
        wanted: dict[Any, dict[str, None]] = defaultdict(dict)
        rows = [
            ((alike(item.block), each.name, each.type), each) for item in items for each in item.block.items
            if isinstance(each.type, str)
        ]  # fmt: skip
        for key, each in rows:
            if not each.reuse:
                wanted[key].update(dict.fromkeys(each.args))
        for key, each in rows:
            for name in wanted.get(key, ()):
                default = default_of(key[-1], name)
                if name not in each.args and default is not MISSING:
                    each.args[name] = default


def _lines(block: Block) -> Any:
    return tuple((each.name, each.type if isinstance(each.type, str) else id(each.type)) for each in block.items)


def default_of(kind: str, name: str) -> Any:
    """What an argument is where it is left out, as a spec writes it; ``MISSING`` where nothing can be said."""
    op = lookup(kind)
    parameter = op.arguments.get(name) or op.options.get(name)
    plain = parameter is not None and isinstance(parameter.default, bool | int | float | str)
    return parameter.default if parameter and plain else MISSING
