"""What a table's columns are to a network: inputs of their own, features of one table, the target."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphspec.data.memory import check_size
from graphspec.data.samples import Samples
from graphspec.data.sources.asked_columns import Asked, Missing, left_out_by
from graphspec.data.sources.cells import PLAIN, Notation, is_missing
from graphspec.data.sources.column import Column, listed
from graphspec.data.sources.column_checks import check_feature, check_texts, check_two, check_width
from graphspec.data.sources.table import AT, MOST_COLUMNS, Table
from graphspec.data.text.encoding import MASK
from graphspec.data.text.texts import Texts
from graphspec.diagnostics import fail, quoted

#: Bytes of memory that a feature of a row takes: float64 as it is read, float32 beside it for the network.
_BYTES = 12
#: Different texts of a column that becomes ids.
MOST_TEXTS = 1_000_000
#: The input that is a table, where its name is the user's to choose.
FEATURES = "features"


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """The columns ``alone``, each the input of its name, the ``features`` of the input ``table``, and the target, the
    ``goal``; ``flat`` are the inputs that take ``N`` numbers, not ``N × 1``, ``texts`` those that take a tokenizer's
    ids. ``unused`` no input takes.
    """

    features: tuple[Column, ...]
    goal: Column
    notation: Notation = PLAIN
    dropped: tuple[str, ...] = ()
    alone: tuple[Column, ...] = ()
    flat: tuple[str, ...] = ()
    table: str = FEATURES
    missing: Missing = "refuse"
    unused: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    group: str | None = None

    @classmethod
    def read(cls, table: Table, asked: Asked) -> Columns:
        """From a whole training `table`, before anything is learned from the training part of it.

        Raises ``GraphspecError`` for a column that is neither numbers nor texts, or would take too much memory.
        """
        names, filled = asked.used(table), asked.missing in ("mean", "most_frequent")
        own, texts = asked.alone(names), asked.texts(names)
        taken = {*own, *texts}
        left = [name for name in asked.inputs if name not in {*taken, *map(MASK.format, texts)}]
        rest = [name for name in names if name not in taken] if left or not taken else []
        goal = _column(table, asked.target, asked, goal=True)
        if asked.classes and goal.categories is None:
            goal = Column(asked.target, tuple(map(str, sorted(set(table.wholes(asked.target))))))
        elif goal.categories is None:
            check_two(table, asked.target)
        found = cls(
            tuple(_column(table, name, asked) for name in rest), goal, table.notation, tuple(asked.drop),
            tuple(_column(table, name, asked) for name in own),
            tuple(name for name in own if len(asked.inputs[name].shape) == 1),
            left[0] if taken and len(left) == 1 else FEATURES, asked.missing,
            tuple(n for n in table.columns if n not in {*rest, *taken, asked.target, *asked.drop, asked.group}),
            tuple(texts), asked.group,
        )  # fmt: skip
        check_width(table, found.features)
        check_size(table.path, _BYTES * found.width * len(table.rows))
        for column in found.each:
            check_feature(table, column, filled)
        return found

    @property
    def each(self) -> tuple[Column, ...]:
        """All that are inputs, or part of one."""
        return (*self.alone, *self.features)

    @property
    def width(self) -> int:
        """How many features a row of the table gives."""
        return sum(column.width for column in self.features)

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """The names of the classes by target; empty where the target is regressed."""
        return {} if self.goal.categories is None else {self.goal.name: self.goal.categories}

    @property
    def vocabulary(self) -> dict[str, int]:
        """How many ids the inputs that are ids have."""
        return {column.name: column.vocabulary for column in self.alone if column.ids}

    def name_of(self, feature: int) -> str:
        """The column that feature number `feature` comes from."""
        ends = np.cumsum([column.width for column in self.features])
        return self.features[int(np.searchsorted(ends, feature, side="right"))].name

    @property
    def names(self) -> list[str]:
        """Every column that an input takes."""
        return [*(column.name for column in self.each), *self.texts]

    def encoded(self, table: Table) -> dict[str, Tensor]:
        """The inputs of every row before missing cells are filled: see :class:`Column`; texts as they are."""
        check_size(table.path, _BYTES * (self.width + len(self.alone)) * len(table.rows))
        found: dict[str, Any] = {column.name: self._shaped(column, table) for column in self.alone}
        found |= {name: _texts(table, name) for name in self.texts}
        if self.features:
            values = torch.zeros(len(table.rows), self.width, dtype=torch.float64)
            for place, column in self.places():
                column.write_features(table, self._fills(column), values[:, place])
            found[self.table] = values
        return found

    def filled(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What :meth:`encoded` gives, without missing cells."""
        found = {column.name: column.filled(inputs[column.name]) for column in self.alone}
        found |= {name: inputs[name] for name in self.texts}
        if self.features:
            values = inputs[self.table]
            filled = [(place, column) for place, column in self.places() if column.fill is not None]
            values = values.clone() if filled else values
            for place, column in filled:
                values[:, place] = column.filled(values[:, place])
            found[self.table] = values
        return found

    def samples(self, table: Table) -> Samples:
        """The encoded inputs and the target of every row."""
        goal, inputs = self.goal, self.encoded(table)
        if goal.categories is None:
            return Samples(inputs, {goal.name: torch.from_numpy(table.numbers(goal.name))[:, None]})
        return Samples(inputs, {goal.name: _labels(table, goal.name, goal.categories)})

    def complete(self, table: Table) -> Table:
        """`table`, of which rows with a missing cell are left out where the spec says so; that is said."""
        return table.complete(left_out_by(self.missing, self.goal.name, self.names))

    def with_columns(self, alone: Iterable[Column], features: Iterable[Column]) -> Columns:
        """The same with other columns, as they are learned from the training part."""
        return dataclasses.replace(self, alone=tuple(alone), features=tuple(features))

    def places(self) -> Iterator[tuple[slice, Column]]:
        """Which features of the table each of its columns gives."""
        start = 0
        for column in self.features:
            yield slice(start, start + column.width), column
            start += column.width

    def lines(self) -> list[str]:
        """What was decided about each column, a line each."""
        rows = [(column.name, f"input, {column.line()}") for column in self.alone]
        rows += [(column.name, column.line()) for column in self.features]
        rows += [(name, "input, texts") for name in self.texts]
        goal = self.goal.categories
        about = "a number" if goal is None else f"{len(goal):,} classes: {listed(goal)}"
        rows += [(self.goal.name, f"target, {about}")]
        rows += [(self.group, "what the parts are split by")] if self.group else []
        rows += [(name, "left out: drop") for name in self.dropped]
        rows += [(name, "not used: no input takes it") for name in self.unused]
        return [f"column {quoted(name)}: {text}" for name, text in rows]

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, noted: Mapping[str, Any]) -> Columns:
        """The reverse of :meth:`as_dict`. Raises ``TypeError``, ``KeyError`` or ``ValueError`` for anything else."""
        return cls(
            tuple(map(Column.from_dict, noted["features"])), Column.from_dict(noted["goal"]),
            Notation(**noted["notation"]), tuple(map(str, noted["dropped"])),
            tuple(map(Column.from_dict, noted.get("alone", ()))), tuple(map(str, noted.get("flat", ()))),
            str(noted.get("table", FEATURES)), noted.get("missing", "refuse"), tuple(map(str, noted.get("unused", ()))),
            tuple(map(str, noted.get("texts", ()))),
            noted.get("group"),
        )  # fmt: skip

    def _fills(self, column: Column) -> bool:
        return self.missing == "most_frequent" or (self.missing == "mean" and column.categories is None)

    def _shaped(self, column: Column, table: Table) -> Tensor:
        values = column.value(table, self._fills(column))
        return values if column.name in self.flat else values[:, None]


def _column(table: Table, name: str, asked: Asked, goal: bool = False) -> Column:
    ids = not goal and asked.ids(name) and name in asked.alone([name])
    if not ids and table.is_numeric(name):
        return Column(name)
    if not goal and not ids and asked.alone([name]):
        text = table.texts(name)[0]
        hint = f'{name} = {{ shape = ["N"], dtype = "int64" }} takes ids of its texts'
        raise fail("wrong-dtype", f"the column {quoted(name)} holds texts ({quoted(text)})", ("inputs", name), hint)
    filled = asked.missing == "most_frequent" and not goal
    categories = tuple(sorted({text for text in table.texts(name) if not (filled and is_missing(text))}))
    most = MOST_TEXTS if ids else MOST_COLUMNS
    if len(categories) > most:
        message = f"{table.path}: the column {quoted(name)} has {len(categories):,} different texts"
        raise fail("too-large", message, at=AT, hint=f"at most {most:,} are read")
    if not ids:
        check_texts(table, name, categories, goal, filled)
    return Column(name, categories, ids)


def _texts(table: Table, name: str) -> Texts:
    values = table.texts(name)
    missing = next((row for row, text in enumerate(values) if not text.strip()), None)
    if missing is not None:
        raise table.fault(name, missing, "a missing value is no text", 'fill it in, or write missing = "drop"')
    return Texts(tuple(values))


def _labels(table: Table, name: str, categories: Sequence[str]) -> Tensor:
    """``N`` int64; a text outside `categories`, and a missing one, is no class."""
    places = {text: index for index, text in enumerate(categories)}
    texts = list(map(str, table.wholes(name))) if table.is_numeric(name) else table.texts(name)
    for row, text in enumerate(texts):
        if not text.strip():
            raise table.fault(name, row, "a missing value is no class", 'missing = "drop" leaves such rows out')
        if text not in places:
            raise table.fault(name, row, f"{quoted(text)} is no class of the training table")
    return torch.tensor([places[text] for text in texts])
