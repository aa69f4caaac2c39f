"""Scopes that are alike become one block with variables, chains become ``repeat``, layers that some lack ``if``."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from graphspec.importing.items import Block, Item, Text
from graphspec.ops import lookup

#: Classes that say nothing of what they hold: their blocks are called as the attribute is.
CONTAINERS = frozenset(["", "Sequential", "ModuleList", "ModuleDict", "Module"])
#: A chain of two copies may differ in so many arguments.
_MOST_DIFFERENT = 2
#: A chain of so many copies may have variables for each of them.
_MOST_BY_COPY = 4


_DIGITS = re.compile(r"\d+")
_COPY = re.compile(r"\$\{[^}]*\}")


class Missing:
    """Stands for the arguments of a layer that one of several alike scopes lacks: any value would do."""


MISSING = Missing()


class Each(tuple[Any, ...]):
    """The values that an argument has in the copies of a repeat."""


def merge(root: Block) -> list[Block]:
    """Merge all blocks below `root`, in place; the blocks that are left, in order of first use."""
    for rank in _ranks(root):
        for group in _groups(rank):
            _unify(group)
    _chain(root)
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


def _groups(items: Sequence[Item]) -> list[list[Item]]:
    """Those that are one block: equal, or equal but for layers that some lack."""
    items = [item for item in items if not _collapse(item)]
    for item in items:
        _chain(item.block)
    _fill_defaults(items)
    exact: dict[Any, list[Item]] = defaultdict(list)
    for item in items:
        exact[_skeleton(item.block)].append(item)
    groups = sorted(exact.values(), key=lambda group: -len(group[0].block.items))
    found: list[list[Item]] = []
    for group in groups:
        block = group[0].block
        home = next((other for other in found if _fits(block, other[0].block)), None)
        if home is None:
            found.append(list(group))
        else:
            for item in group:
                _fill(item.block, home[0].block)
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


def _skeleton(block: Block) -> Any:
    rows = tuple(_row(item, block) for item in block.items)
    return tuple(block.inputs), tuple(block.outputs.items()), rows


def _row(item: Item, block: Block) -> Any:
    kind = id(item.type) if isinstance(item.type, Block) else "*" if _is_plain(item) else item.type
    return (
        item.name, kind, _frozen(item.source), relative(item.reuse, block.path), item.keep, item.freeze,
        tuple(item.tie.items()), item.repeat, item.condition is not None,
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


def relative(path: str, base: str) -> str:
    """`path` as it is called inside the module at `base`."""
    return path.removeprefix(f"{base}.") if base and path.startswith(f"{base}.") else path


def _frozen(source: Any) -> Any:
    if isinstance(source, dict):
        return tuple((key, _frozen(value)) for key, value in source.items())
    return tuple(source) if isinstance(source, list) else source


def _structure(value: Any) -> Any:
    if isinstance(value, Each):
        return "*" if len(value) <= _MOST_BY_COPY else ("copies", repr(value))
    if isinstance(value, list):
        return tuple(_structure(item) for item in value) if len(value) <= 8 else ("list", repr(value))
    return "text" if isinstance(value, Text) else "*"


def _fits(small: Block, large: Block) -> list[Item] | None:
    """The items of `large` that `small` lacks, where nothing else is different."""
    if small.kin != large.kin or small.inputs != large.inputs:
        return None
    names = {item.name for item in small.items}
    lacking = [item for item in large.items if item.name not in names]
    if not 1 <= len(lacking) <= 3 or len(small.items) + len(lacking) != len(large.items):
        return None
    passed: dict[str, str] = {}
    for item in lacking:
        first = _first_source(item.source)
        if first is None or item.keep:
            return None
        passed[item.name] = passed.get(first, first)
    rest = [item for item in large.items if item.name in names]
    for a, b in zip(small.items, rest, strict=True):
        if _row(a, small) != _row(_passing(b, passed), large):
            return None
    outputs = {name: passed.get(ref, ref) for name, ref in large.outputs.items()}
    return lacking if list(outputs.values()) == list(small.outputs.values()) else None


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


def _fill(small: Block, large: Block) -> None:
    """Give `small` the items that it lacks, as absent ones."""
    lacking = _fits(small, large)
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


def _unify(group: list[Item]) -> None:
    """All of `group` become instances of the first one's block."""
    blocks = [item.block for item in group]
    first = blocks[0]
    for alike in zip(*(block.items for block in blocks), strict=True):
        if any(item.condition is not None for item in alike):
            for item in alike:
                item.condition = item.condition is not False
    variables: dict[Any, str] = {}
    values: dict[str, list[Any]] = {}
    names = {name.lower() for name in first.inputs}
    for index, item in enumerate(first.items):
        items = [block.items[index] for block in blocks]
        for name in list(item.args):
            column = [each.args[name] for each in items]
            item.args[name] = _column(column, (item, name), first, blocks, variables, values, names)
        if item.condition is not None:
            column = [each.condition for each in items]
            item.condition = _column(column, (item, item.name), first, blocks, variables, values, names)
        if isinstance(item.type, str):
            column = [each.type for each in items]
            item.type = _column(column, (item, "type"), first, blocks, variables, values, names)
    for number, item in enumerate(group):
        item.type = first
        item.args = {name: column[number] for name, column in values.items()}
    for name, column in values.items():
        known = [value for value in column if value is not MISSING]
        usual = Counter(map(repr, known)).most_common(1)[0][0]
        first.variables[name] = next(value for value in known if repr(value) == usual)
        for item in group:
            if item.args[name] is MISSING:
                item.args[name] = first.variables[name]


def _column(
    column: list[Any], where: Any, block: Block, blocks: Sequence[Any], variables: Any, values: Any, names: set[str]
) -> Any:
    """One argument in all instances: itself where all agree, else a variable, in lists and by copy one each."""
    given = [value for value in column if value is not MISSING]
    if all(repr(value) == repr(given[0]) for value in given):
        return given[0]
    copies = max((len(value) for value in given if isinstance(value, Each)), default=0)
    if copies:  # a variable's value is given where there is no copy to count
        of_copy = [[value[n] if isinstance(value, Each) else value for value in column] for n in range(copies)]
        return _each([_column(each, where, block, blocks, variables, values, names) for each in of_copy])
    if (
        all(isinstance(value, list) and not isinstance(value, Each) for value in column)
        and len({len(value) for value in column}) == 1
    ):
        return [
            _column(list(each), where, block, blocks, variables, values, names) for each in zip(*column, strict=True)
        ]
    seen = _as_input(column, where, block, blocks)
    if seen:
        return seen
    key = tuple(map(repr, column))
    name = variables.get(key)
    if name is None:
        name = next((other for other in variables.values() if _agree(values[other], column)), None)
    if name is None:
        name = variables[key] = _variable(where, names)
        values[name] = list(column)
    else:
        values[name] = [b if a is MISSING else a for a, b in zip(values[name], column, strict=True)]
    return Text("${" + name + "}")


def _agree(values: Sequence[Any], column: Sequence[Any]) -> bool:
    """Whether two columns differ only where one says nothing."""
    pairs = [(a, b) for a, b in zip(values, column, strict=True) if a is not MISSING and b is not MISSING]
    distinct = {repr(a) for a, _ in pairs}
    return len(distinct) > 1 and all(repr(a) == repr(b) for a, b in pairs)


def _as_input(column: Sequence[Any], where: Any, block: Block, blocks: Sequence[Any]) -> Text | None:
    """``x.shape[1]``, where the argument is the input's channels in every instance."""
    name = where[1]
    if name not in ("out_channels", "groups", "out_features", "num_channels", "normalized_shape") or not block.inputs:
        return None
    port = block.inputs[0]
    shapes = [each.shapes.get(port) for each in blocks]
    for dim in (1, -1):
        if all(
            shape and len(shape) > 1 and (value is MISSING or value == shape[dim]) and not isinstance(value, bool)
            for shape, value in zip(shapes, column, strict=True)
        ):
            rank = len(shapes[0] or ())
            return Text("${" + f"{port}.shape[{dim if dim > 0 else rank - 1}]" + "}")
    return None


def _variable(where: Any, names: set[str]) -> str:
    item, argument = where
    if not argument[:1].isalpha():  # whether a layer is there that has a number for its name
        argument = f"with_{argument}" if isinstance(item.type, Block | Text) else item.type.lower()
    plain = {"out_channels": "channels", "out_features": "features", "type": "layer"}.get(argument, argument)
    own = re.sub(r"\W", "_", f"{_COPY.sub('', item.name)}_{plain}").strip("_")
    own = own if own[:1].isalpha() else f"{plain}_{item.name}".replace("-", "_")
    for name in (plain, own, *(f"{plain}{n}" for n in range(2, 100))):
        if name.lower() not in names and name != "i":
            names.add(name.lower())
            return name
    raise AssertionError("a hundred variables of one name")


def _collapse(item: Item) -> bool:
    """A scope that is nothing but a chain 0, 1, … of one block becomes that block, repeated."""
    block = item.type
    assert isinstance(block, Block)
    items = block.items
    if len(items) < 2 or [each.name for each in items] != [str(n) for n in range(len(items))]:
        return False
    if (
        len(block.inputs) != 1
        or list(block.outputs.values()) != [items[-1].name]
        or not _is_chain(items, block.inputs[0])
    ):
        return False
    item.type, item.repeat = items[0].type, len(items)
    item.args = {name: _each([each.args[name] for each in items]) for name in items[0].args}
    return True


def _is_chain(items: Sequence[Item], start: str | None) -> bool:
    first = items[0]
    if not isinstance(first.type, Block) or first.repeat or len(first.type.outputs) != 1 or len(first.type.inputs) != 1:
        return False
    source = first.source if start is None else start
    for each in items:
        if each.type is not first.type or each.repeat or each.source != source or each.reuse:
            return False
        if _frozen_flags(each) != _frozen_flags(first):
            return False
        source = each.name
    different = sum(1 for name in first.args if len({repr(each.args[name]) for each in items}) > 1)
    nested = any(isinstance(each.args[name], Each) for each in items for name in first.args)
    patterns = [_pattern([each.args[name] for each in items]) for name in first.args]
    if nested or (len(items) > 2 and sum(pattern == "any" for pattern in patterns) > 1):
        return False
    return different <= _MOST_DIFFERENT or (len(items) > 2 and different <= 3)


def _frozen_flags(item: Item) -> Any:
    return item.keep, item.freeze, tuple(item.tie.items())


def _each(values: Sequence[Any]) -> Any:
    return values[0] if all(repr(value) == repr(values[0]) for value in values) else Each(values)


def _pattern(values: Sequence[Any]) -> str:
    if all(repr(value) == repr(values[0]) for value in values):
        return "one"
    if all(repr(value) == repr(values[1]) for value in values[1:]):
        return "first"
    return "any"


def _chain(block: Block) -> None:
    """Siblings with numbers in their names that are a chain of one block become one line with ``${i}`` in its name."""
    items: list[Item] = []
    rest = list(block.items)
    while rest:
        run = _run(rest)
        if len(run) < 2:
            items.append(rest.pop(0))
            continue
        first = run[0]
        prefix, number = _numbered(first.name)
        name = f"{prefix}${{i + {number}}}" if number else f"{prefix}${{i}}"
        args = {key: _each([each.args[key] for each in run]) for key in first.args}
        merged = Item(
            name, first.type, first.source, args, repeat=len(run), path=first.path, keep=first.keep, freeze=first.freeze
        )
        items.append(merged)
        del rest[: len(run)]
    block.items = items


def _run(items: Sequence[Item]) -> list[Item]:
    """The longest chain of numbered siblings that `items` begin with."""
    prefix, number = _numbered(items[0].name)
    if number is None:
        return []
    most = 1
    while most < len(items) and _numbered(items[most].name) == (prefix, number + most):
        most += 1
    for length in range(most, 1, -1):
        run = list(items[:length])
        if not _is_chain(run, None):
            continue
        if all(_pattern([each.args[name] for each in run]) != "any" for name in run[0].args):
            return run
    return []


def _numbered(name: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(.*?)(0|[1-9]\d*)", name)
    return (match[1], int(match[2])) if match else (name, None)
