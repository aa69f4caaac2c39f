"""``if`` of a block by its sizes, as a person writes it.

A projection stands where the stride or the channels change, a sum with the input where neither does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from graphspec.importing.copies import MISSING
from graphspec.importing.items import Block, Text

#: In fewer instances sizes may say by accident where a layer is absent.
_LEAST = 3
Column = Sequence[Any]


@dataclasses.dataclass
class Terms:
    """Arguments of a block's layers by which a condition can go: expressions, with the value of each instance."""

    channels: list[tuple[str, Column]] = dataclasses.field(default_factory=list)
    strides: list[tuple[str, Column]] = dataclasses.field(default_factory=list)

    def add(self, name: str, value: Any, column: Column) -> None:
        """Note what the argument called `name` is in the block, `value`, and in its instances."""
        if isinstance(value, Text) and ".shape[" not in value:
            if name.endswith(("channels", "features")):
                self.channels.append((value[2:-1], column))
            elif name.endswith("stride"):
                self.strides.append((value[2:-1], column))


def by_sizes(column: Column, blocks: Sequence[Block], terms: Terms, values: Mapping[str, Column]) -> Text | None:
    """The condition whose instances have `column`, by stride and channels; None where those do not say it."""
    if len(column) < _LEAST or {type(value) for value in column} != {bool} or len(set(column)) == 1:
        return None
    ports = blocks[0].inputs[:1]
    shapes = [block.shapes.get(port, ()) for block in blocks for port in ports]
    if not ports or any(len(shape) < 2 for shape in shapes):
        return None
    dim = 1 if len(shapes[0]) != 3 else 2
    size, given = f"{ports[0]}.shape[{dim}]", [shape[dim] for shape in shapes]
    strides = [(text, _known(text, each, values)) for text, each in reversed(terms.strides)]
    channels = [(text, _known(text, each, values)) for text, each in reversed(terms.channels)]
    steady = [(text, [stride == 1 for stride in each]) for text, each in strides if each]
    same = [(text, [a == b for a, b in zip(each, given, strict=True)]) for text, each in channels if each]
    for there, equal, word in ((list(column), "==", "and"), ([not value for value in column], "!=", "or")):
        for stride, is_one in steady:
            for channel, is_same in same:
                if there == [a and b for a, b in zip(is_one, is_same, strict=True)] and not all(is_one):
                    return Text(f"${{{stride} {equal} 1 {word} {size} {equal} {channel}}}")
        for channel, is_same in same:
            if there == is_same:
                return Text(f"${{{size} {equal} {channel}}}")
    return None


def _known(text: str, column: Column, values: Mapping[str, Column]) -> Column | None:
    """A column of whole numbers without gaps."""
    found = values.get(text, column)
    return found if all(value is not MISSING and type(value) is int for value in found) else None
