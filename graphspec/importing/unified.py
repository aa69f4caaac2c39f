"""Scopes that are alike become instances of one block: what differs are its variables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from graphspec.importing.conditions import Terms, by_sizes
from graphspec.importing.copies import MISSING, Each, of_copies
from graphspec.importing.items import Block, Item, Text

#: Arguments that may be the input's channels, without the number that makes a variable's name its own.
_CHANNELS = frozenset("out_channels groups out_features num_channels normalized_shape channels features shape".split())
_NUMBER = re.compile(r"(_?\d+)+$")
#: They may have a height and a width.
_OF_IMAGES = frozenset("kernel_size stride padding dilation".split())
#: The same ratio in so many different sizes is none by accident.
_MANY = 3
_COPY = re.compile(r"\$\{[^}]*\}")


def unify(group: list[Item]) -> None:
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
    rows = [(item, [block.items[index] for block in blocks]) for index, item in enumerate(first.items)]
    terms = Terms()
    for item, items in rows:
        for name in list(item.args):
            column = [each.args[name] for each in items]
            item.args[name] = _column(column, (item, name), first, blocks, variables, values, names)
            terms.add(name, item.args[name], column)
        if item.repeat and len({each.repeat for each in items}) > 1:
            column = [each.repeat for each in items]
            item.count = _column(column, (item, "depth"), first, blocks, variables, values, names)
    for item, items in rows:
        if item.condition is not None:
            column = [each.condition for each in items]
            item.condition = by_sizes(column, blocks, terms, values) or _column(
                column, (item, item.name), first, blocks, variables, values, names
            )
        if isinstance(item.type, str):
            column = [each.type for each in items]
            item.type = _column(column, (item, "type"), first, blocks, variables, values, names)
    first.title = Counter(block.title for block in blocks).most_common(1)[0][0]
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
                item.free |= {name}


def _column(
    column: list[Any], where: Any, block: Block, blocks: Sequence[Any], variables: Any, values: Any, names: set[str]
) -> Any:
    """One argument in all instances: itself where all agree, else a variable, in lists and by copy one each."""
    given = [value for value in column if value is not MISSING]
    if all(repr(value) == repr(given[0]) for value in given):
        return given[0]
    counts = {len(value) for value in given if isinstance(value, Each)}
    if counts:  # a variable's value is given where there is no copy to count
        copies = range(max(counts)) if len(counts) == 1 else (0, -1)  # the first, and those after it
        of_copy = [[value[n] if isinstance(value, Each) else value for value in column] for n in copies]
        return of_copies(
            [
                _column(one, (*where[:2], str(n)), block, blocks, variables, values, names)
                for n, one in enumerate(of_copy)
            ]
        )
    if where[1] != "data" and (
        all(isinstance(value, list) and not isinstance(value, Each) for value in column)
        and len({len(value) for value in column}) == 1
    ):
        ends = "hw" if len(column[0]) == 2 and _NUMBER.sub("", where[1]) in _OF_IMAGES else ["", *"234567890"]
        return [
            _column(list(each), (*where[:2], end), block, blocks, variables, values, names)
            for end, each in zip(ends, zip(*column, strict=True), strict=False)
        ]
    seen = _as_input(column, where, block, blocks) or _half(column, where, values)
    if seen:
        return seen
    key = tuple(map(repr, column))
    name = variables.get(key)
    if name is None:
        name = next((other for other in variables.values() if _agree(values[other], column)), None)
    if name is None:
        multiple = _multiple(column, where, values)
        if multiple:
            return multiple
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
    """``x.shape[1]``, or a multiple or part of it, where the argument is that of the input in every instance."""
    name = _NUMBER.sub("", where[1])
    if name not in _CHANNELS or not block.inputs:
        return None
    port = block.inputs[0]
    shapes = [each.shapes.get(port) for each in blocks]
    if not all(shape and len(shape) > 1 for shape in shapes):
        return None
    ranks = {len(shape or ()) for shape in shapes}
    last = ranks.pop() - 1 if len(ranks) == 1 else -1
    for dim in (1, -1):
        pairs = [(value, shape[dim]) for value, shape in zip(column, shapes, strict=True) if value is not MISSING]
        if not all(type(value) is int for value, _ in pairs):
            return None
        size = f"{port}.shape[{dim if dim > 0 else last}]"
        if all(value == given for value, given in pairs) and (name != "shape" or len(set(pairs)) > 2):
            return Text("${" + size + "}")
        multiple, part = pairs[0][0] // pairs[0][1], pairs[0][1] // (pairs[0][0] or 1)
        if name == "shape" or len({given for _, given in pairs}) < _MANY:
            continue
        if multiple > 1 and all(value == multiple * given for value, given in pairs):
            return Text("${" + f"{multiple} * {size}" + "}")
        if part > 1 and all(value * part == given for value, given in pairs):
            return Text("${" + f"{size} // {part}" + "}")
    return None


def _half(column: Sequence[Any], where: Any, values: Any) -> Text | None:
    """``kernel_size // 2``, where the padding is that in every instance."""
    item, name = where[:2]
    kernel = item.args.get("kernel_size")
    variable = kernel[2:-1] if isinstance(kernel, Text) else ""
    if name != "padding" or variable not in values:
        return None
    pairs = [(a, b) for a, b in zip(column, values[variable], strict=True) if a is not MISSING and b is not MISSING]
    if len(set(pairs)) < 2 or not all(type(a) is int and type(b) is int and a == b // 2 for a, b in pairs):
        return None
    values[variable] = _filled(values[variable], column, lambda padding: 2 * padding + 1)
    return Text("${" + f"{variable} // 2" + "}")


def _multiple(column: Sequence[Any], where: Any, values: Any) -> Text | None:
    """``4 * channels``, or ``channels // 4``, where the argument is that in every instance, in many sizes."""
    if _NUMBER.sub("", where[1]) not in _CHANNELS and not where[1].endswith(("channels", "features")):
        return None
    for name, known in values.items():
        pairs = [(a, b) for a, b in zip(column, known, strict=True) if a is not MISSING and b is not MISSING]
        if len({b for _, b in pairs if type(b) is int}) < _MANY or not all(type(a) is type(b) is int for a, b in pairs):
            continue
        if not re.search(r"(channels|features)\d*$", name):
            continue
        a, b = pairs[0]
        times, part = a // b if b else 0, b // a if a else 0
        whole = times > 1 and all(x % times == 0 for x in _alone(column, known))
        if whole and all(x == times * y for x, y in pairs):
            values[name] = _filled(known, column, times.__rfloordiv__)
            return Text(f"${{{times} * {name}}}")
        if part > 1 and all(x * part == y for x, y in pairs):
            values[name] = _filled(known, column, part.__mul__)
            return Text(f"${{{name} // {part}}}")
    return None


def _alone(column: Sequence[Any], known: Sequence[Any]) -> list[Any]:
    """The values of a column in instances in which a variable says nothing yet."""
    return [a for a, b in zip(column, known, strict=True) if b is MISSING and a is not MISSING]


def _filled(known: Sequence[Any], column: Sequence[Any], of: Callable[[Any], Any]) -> list[Any]:
    """A variable's values, with those that follow from a column in the instances in which it says nothing yet."""
    return [of(a) if b is MISSING and a is not MISSING else b for a, b in zip(column, known, strict=True)]


def _variable(where: Any, names: set[str]) -> str:
    item, argument, *end = where
    if argument == item.name and item.type == "add":  # whether something is added at all
        argument = "residual"
    if not argument[:1].isalpha():  # whether a layer is there that has a number for its name
        argument = f"with_{argument}" if isinstance(item.type, Block | Text) else item.type.lower()
    plain = {"out_channels": "channels", "out_features": "features", "type": "layer", "shape": "size"}.get(
        argument, argument
    )
    if end and end[0] in ("h", "w"):
        plain = f"{plain}_{end[0]}"
    copy = f"_{end[0]}" if end and end[0].isdigit() else ""
    own = re.sub(r"\W", "_", f"{_COPY.sub('', item.name)}{copy}_{plain}").strip("_")
    own = own if own[:1].isalpha() else re.sub(r"\W", "_", f"{plain}_{_COPY.sub('', item.name)}").strip("_")
    first, second = (own, plain) if _NUMBER.search(plain) and item.name[:1].isalpha() else (plain, own)
    for name in (first, second, *(f"{plain}{n}" for n in range(2, 100))):
        if name.lower() not in names and name != "i":
            names.add(name.lower())
            return name
    raise AssertionError("a hundred variables of one name")
