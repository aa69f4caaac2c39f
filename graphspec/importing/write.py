"""Merged blocks as the text of a spec."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphspec.importing.bodies import relative
from graphspec.importing.copies import MISSING, Each
from graphspec.importing.items import CONTAINERS, Block, Item, Text
from graphspec.importing.merge import default_of
from graphspec.importing.progression import fraction, progression
from graphspec.ops import lookup
from graphspec.ops import names as op_names

#: A container of so many layers is called after them, unless they only move numbers about.
_MOST_IN_NAME = 3
_SAYS_LITTLE = frozenset(["Permute", "Flatten", "Unflatten", "Identity", "Parameter", "Buffer"])


def document(
    root: Block, blocks: Sequence[Block], inputs: Mapping[str, Any], dims: Mapping[str, Any]
) -> dict[str, Any]:
    """The spec as a dict."""
    _name_blocks(root, blocks)
    _settle_variables(root, blocks)
    found: dict[str, Any] = {"graphspec": 1, "inputs": dict(inputs)} | ({"dims": dict(dims)} if dims else {})
    found["layers"] = _layers(root)
    outputs = _outputs(root)
    if outputs is None and root.outputs.keys() - {"output"}:  # a name that the source has for it
        outputs = dict(root.outputs)
    if outputs:
        found["outputs"] = outputs
    if blocks:
        found["blocks"] = {block.name: _block(block) for block in blocks}
    return found


def all_blocks(root: Block) -> list[Block]:
    """Every block below `root` as it is."""
    inner = [item.type for item in root.items if isinstance(item.type, Block) and not item.reuse]
    return [each for block in inner for each in (block, *all_blocks(block))]


def _block(block: Block) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if block.variables:
        found["vars"] = {name: _value(value) for name, value in block.variables.items()}
    if block.inputs != ["x"]:
        found["inputs"] = list(block.inputs)
    found["layers"] = _layers(block)
    outputs = _outputs(block)
    if outputs:
        found["outputs"] = outputs
    return found


def _outputs(block: Block) -> dict[str, str] | None:
    """What comes out; nothing to be said where it is the last line."""
    lines = [item for item in block.items if not item.keep]
    if not block.outputs:
        return None
    only = next(iter(block.outputs.values())) if len(block.outputs) == 1 else None
    last = block.items[-1]
    if only is not None and lines and last is lines[-1] and (only == last.name or (last.repeat and only == last.last)):
        return None
    return dict(block.outputs)


def _in_order(item: Item) -> Iterator[tuple[str, Any]]:
    """The arguments in the order of torch's signature, or of the block's variables."""
    known: list[str] = []
    if isinstance(item.type, str) and not isinstance(item.type, Text):
        op = lookup(item.type)
        known = [*op.arguments, *op.options]
    rest = [name for name in item.args if name not in known]
    yield from ((name, item.args[name]) for name in [*known, *rest] if name in item.args)


def _default(kind: Any, name: str) -> Any:
    return MISSING if isinstance(kind, Text) else default_of(kind, name)


def _layers(block: Block) -> dict[str, Any]:
    found = {}
    before: str | None = block.inputs[0] if len(block.inputs) == 1 else None
    for item in block.items:
        found[item.name] = _line(item, block, before)
        before = item.last
    return found


def _line(item: Item, block: Block, before: str | None) -> Any:
    row: dict[str, Any] = {}
    if item.reuse:
        row["reuse"] = relative(item.reuse, block.path)
    else:
        row["type"] = item.type.name if isinstance(item.type, Block) else item.type
    if item.source is not None and item.source != before:
        row["from"] = item.source
    defaults, spelled = (item.type.variables, item.type.spelled) if isinstance(item.type, Block) else ({}, set())
    if not item.reuse:
        for name, value in _in_order(item):
            default = defaults.get(name, MISSING) if isinstance(item.type, Block) else _default(item.type, name)
            if name in spelled or default is MISSING or repr(value) != repr(default):
                row[name] = _value(value)
    if item.repeat:
        row["repeat"] = item.repeat if item.count is None else _value(item.count)
    if item.condition is not None and item.condition is not True:
        row["if"] = _value(item.condition)
    if item.parametrize:
        row["parametrize"] = item.parametrize
    if item.tie:
        row["tie"] = dict(item.tie)
    row |= {flag: True for flag, is_set in (("keep", item.keep), ("freeze", item.freeze)) if is_set}
    return row["type"] if set(row) == {"type"} else row


def _value(value: Any) -> Any:
    if isinstance(value, Each):
        return "${" + _choice(value) + "}"
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    text = fraction(value) if type(value) is float else None
    if text:
        return "${" + text + "}"
    return str(value) if isinstance(value, Text) else value


def _choice(values: Each) -> str:
    """The values of the copies as an expression of ``i``."""
    first, rest = values[0], values[1:]
    asked = isinstance(first, bool)  # 1 and 0 are equal to true and false
    if len({repr(value) for value in rest}) == 1:
        if asked and first is not rest[0]:
            return "i == 0" if first else "i > 0"
        return f"{_literal(first)} if i == 0 else {_literal(rest[0])}"
    if all(repr(value) == repr(values[n % 2]) for n, value in enumerate(values)):
        if asked and first is not rest[0]:
            return f"i % 2 == {int(rest[0])}"
        return f"{_literal(first)} if i % 2 == 0 else {_literal(rest[0])}"
    steps = {b - a for a, b in zip(values, rest, strict=False)} if all(type(v) is int for v in values) else set()
    if len(steps) == 1 and len(values) > 2:
        step = steps.pop()
        return f"{first} + {step} * i" if first else f"{step} * i"
    growing = progression(values)
    if growing:
        return growing
    if len({repr(value) for value in values[:-1]}) == 1:
        return f"{_literal(values[-1])} if i == {len(values) - 1} else {_literal(first)}"
    return f"[{', '.join(map(_literal, values))}][i]"


def _literal(value: Any) -> str:
    if isinstance(value, Text):
        return value.removeprefix("${").removesuffix("}")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, float):
        return fraction(value) or repr(value)
    return f"'{value}'" if isinstance(value, str) else repr(value)


def _settle_variables(root: Block, blocks: Sequence[Block]) -> None:
    """Variables are what most lines give them; a number that few lines want, such as a width, stands in every one."""
    lines: dict[int, list[Item]] = defaultdict(list)
    for item in (item for block in [root, *blocks] for item in block.items):
        if isinstance(item.type, Block) and not item.reuse:
            lines[id(item.type)].append(item)
    for block in blocks:
        for name in block.variables:
            saying = [item for item in lines[id(block)] if name not in item.free]
            values = [item.args[name] for item in saying if not isinstance(item.args[name], Text | Each)]
            if not values:
                continue
            usual, count = Counter(map(repr, values)).most_common(1)[0]
            value = block.variables[name] = next(each for each in values if repr(each) == usual)
            for item in lines[id(block)]:
                if name in item.free:
                    item.args[name] = value
            if type(value) in (int, float) and value not in (0, 1) and 2 * count < len(saying):
                block.spelled.add(name)


def _name_blocks(root: Block, blocks: Sequence[Block]) -> None:
    """Blocks are called as their class is, or, for a container, as what holds it; the most used first."""
    used = {name.lower() for name in op_names()}
    types = set(used)
    holders: dict[int, list[Item]] = defaultdict(list)
    uses: Counter[int] = Counter()
    for item in (item for block in [root, *blocks] for item in block.items):
        if isinstance(item.type, Block):
            holders[id(item.type)].append(item)
            uses[id(item.type)] += item.repeat or 1
    for block in sorted(blocks, key=lambda block: -uses[id(block)]):
        title = _title_in(block, holders[id(block)]) if block.title in CONTAINERS else block.title
        block.name = _free(title, used, types)


def _title_in(block: Block, holders: Sequence[Item]) -> str:
    """What a container is called: as the attribute that holds it, or, where that is a number, by its layers."""
    path = (block.path or holders[0].name).split(".")
    named = next((part for part in reversed(path) if not part.isdigit()), "Part")
    if named == path[-1]:  # stage2, stage3 and stage4 are a Stage
        return re.sub(r"_?\d+$", "", named) or named if len({item.name for item in holders}) > 1 else named
    kinds = [item.type for item in block.items if not isinstance(item.type, str) or item.type[0].isupper()]
    if 1 < len(kinds) <= _MOST_IN_NAME and all(type(kind) is str and kind not in _SAYS_LITTLE for kind in kinds):
        return "".join(re.sub(r"\dd$", "", str(kind)) for kind in kinds)
    return f"{named}{path[-1]}"


def _free(title: str, used: set[str], types: set[str]) -> str:
    words = re.findall(r"[A-Za-z0-9]+", title)
    name = "".join(word[0].upper() + word[1:] for word in words) or "Part"
    name = name if name[0].isalpha() else f"Part{name}"
    name = f"{name}Block" if name.lower() in types else name
    number, free = 1, name
    while free.lower() in used:
        number += 1
        free = f"{name}{number}" if not name[-1].isdigit() else f"{name}_{number}"
    used.add(free.lower())
    return free
