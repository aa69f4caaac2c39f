"""Scopes that are alike become one block with variables, chains become ``repeat``, layers that some lack ``if``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from graphspec.importing.alike import fill, lacking_in, skeleton
from graphspec.importing.chains import chain, collapse
from graphspec.importing.copies import MISSING
from graphspec.importing.items import CONTAINERS, Block, Item
from graphspec.importing.unified import unify
from graphspec.ops import lookup

_DIGITS = re.compile(r"\d+")


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
    """All instances of blocks, those first that others hold; all of one class at once."""
    _name_kin(root, "")
    items = [item for item in _instances(root) if not item.reuse]
    titles = {id(item): item.block.kin for item in items}
    height: dict[int, int] = {}
    for _ in range(8):  # classes may hold each other in several ways
        by_title: dict[str, int] = defaultdict(int)
        for item in items:
            inner = [
                height.get(id(each), 0) for each in item.block.items if isinstance(each.type, Block) and not each.reuse
            ]
            height[id(item)] = max(inner, default=-1) + 1
            by_title[titles[id(item)]] = max(by_title[titles[id(item)]], height[id(item)])
        new = {id(item): by_title[titles[id(item)]] for item in items}
        if new == height:
            break
        height = new
    ranked: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        ranked[height[id(item)]].append(item)
    return [ranked[rank] for rank in sorted(ranked)]


def _name_kin(block: Block, around: str) -> None:
    block.kin = block.title if block.title not in CONTAINERS else around
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
        home = next(
            (other for other in found if absent and all(lacking_in(block, other[0].block) for block in blocks)), None
        )
        if home is None:
            found.append(list(group))
        else:
            for item in group:
                fill(item.block, home[0].block)
            home += group
    return found


def _fill_defaults(items: Sequence[Item]) -> None:
    """Give layers of one name and type in scopes of one class the same arguments: those that one leaves out."""
    wanted: dict[Any, dict[str, None]] = defaultdict(dict)
    rows = [(item.block.kin, each) for item in items for each in item.block.items]
    for title, each in rows:
        if isinstance(each.type, str) and not each.reuse:
            wanted[title, each.name, each.type].update(dict.fromkeys(each.args))
    for title, each in rows:
        if not isinstance(each.type, str):
            continue
        for name in wanted.get((title, each.name, each.type), ()):
            default = default_of(each.type, name)
            if name not in each.args and default is not MISSING:
                each.args[name] = default


def default_of(kind: str, name: str) -> Any:
    """What an argument is where it is left out, as a spec writes it; ``MISSING`` where nothing can be said."""
    op = lookup(kind)
    parameter = op.arguments.get(name) or op.options.get(name)
    plain = parameter is not None and isinstance(parameter.default, bool | int | float | str)
    return parameter.default if parameter and plain else MISSING
