"""What a table's columns are to a network, learned from the training table: numbers, texts one-hot, a target."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from graphspec.data.memory import check_size
from graphspec.data.samples import Samples
from graphspec.data.sources.cells import PLAIN, Notation, is_missing, other_notation, unit_of
from graphspec.data.sources.table import AT, MOST_COLUMNS, Table
from graphspec.diagnostics import fail, quoted, warn

#: Bytes of memory that a feature of a row takes: float64 as it is read, float32 beside it for the network.
_BYTES = 12
#: Rows from which on a column that counts them, or has another text in each, is no accident.
_FEW_ROWS = 20
#: Fewer different texts than this are names, whatever they look like.
_FEW_AMOUNTS = 10


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """How a column becomes numbers: ``categories`` are the texts in sorted order, None for a numeric column."""

    name: str
    categories: tuple[str, ...] | None

    @property
    def width(self) -> int:
        """How many features it gives."""
        return 1 if self.categories is None else len(self.categories)

    def features(self, table: Table) -> np.ndarray:
        """``rows`` float64 of a numeric column; of texts the places among the categories, -1 where there is none."""
        if self.categories is None:
            return table.numbers(self.name)
        places = {text: place for place, text in enumerate(self.categories)}
        found = np.fromiter((places.get(text, -1) for text in table.texts(self.name)), np.int64, len(table.rows))
        if len(unknown := np.flatnonzero(found < 0)):
            text, more = table.texts(self.name)[unknown[0]], f" and {len(unknown) - 1:,} more" * (len(unknown) > 1)
            message = (
                f"{table.place(self.name, int(unknown[0]))}: {quoted(text)}{more} is no text of the training table"
            )
            warn("bad-data", message, at=AT, hint="all its features are 0")
        return found


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """The ``features`` in order and the target, ``goal``, of a training table, and how such tables are written."""

    #: The name of the one input that a table gives.
    INPUT: ClassVar[str] = "features"

    features: tuple[Column, ...]
    goal: Column
    notation: Notation = PLAIN
    dropped: tuple[str, ...] = ()

    @classmethod
    def learn(cls, table: Table, target: str, classes: bool = False, drop: Sequence[str] = ()) -> Columns:
        """From the training `table`, all of whose columns but `target` and those to `drop` are features.

        With `classes` a target of whole numbers is one of classes. Raises ``GraphspecError`` for a column that is
        neither numbers nor texts, or would take too much memory.
        """
        table.required(target, "target")
        left_out = {target, *(table.required(name, "drop") for name in drop)}
        names = [name for name in table.columns if name not in left_out]
        if not names:
            raise fail("bad-data", f"{table.path} has no column besides {', '.join(map(quoted, left_out))}", at=AT)
        goal = _column(table, target, goal=True)
        if classes and goal.categories is None:
            goal = Column(target, tuple(map(str, sorted(set(table.wholes(target))))))
        elif goal.categories is None:
            _check_two(table, target)
        found = cls(tuple(_column(table, name) for name in names), goal, table.notation, tuple(drop))
        _check_width(table, found.features)
        check_size(table.path, _BYTES * found.width * len(table.rows))
        for column in found.features:
            _check_feature(table, column)
        return found

    @property
    def width(self) -> int:
        """How many features a row gives."""
        return sum(column.width for column in self.features)

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """The names of the classes by target; empty where the target is regressed."""
        return {} if self.goal.categories is None else {self.goal.name: self.goal.categories}

    def name_of(self, feature: int) -> str:
        """The column that feature number `feature` comes from."""
        ends = np.cumsum([column.width for column in self.features])
        return self.features[int(np.searchsorted(ends, feature, side="right"))].name

    def inputs(self, table: Table) -> Tensor:
        """The features of every row, ``rows × width`` float64."""
        check_size(table.path, _BYTES * self.width * len(table.rows))
        values = torch.zeros(len(table.rows), self.width, dtype=torch.float64)
        start = 0
        for column in self.features:
            found = torch.from_numpy(column.features(table))
            if column.categories is None:
                values[:, start] = found
            else:
                rows = (found >= 0).nonzero().flatten()
                values[rows, start + found[rows]] = 1
            start += column.width
        return values

    def samples(self, table: Table) -> Samples:
        """The features and the target of every row."""
        goal = self.goal
        if goal.categories is None:
            return Samples(
                {self.INPUT: self.inputs(table)}, {goal.name: torch.from_numpy(table.numbers(goal.name))[:, None]}
            )
        return Samples({self.INPUT: self.inputs(table)}, {goal.name: _labels(table, goal.name, goal.categories)})

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, noted: Mapping[str, Any]) -> Columns:
        """The reverse of :meth:`as_dict`. Raises ``TypeError``, ``KeyError`` or ``ValueError`` for anything else."""
        return cls(
            tuple(_noted(column) for column in noted["features"]), _noted(noted["goal"]),
            Notation(**noted["notation"]), tuple(map(str, noted["dropped"])),
        )  # fmt: skip


def _noted(column: Mapping[str, Any]) -> Column:
    categories = column["categories"]
    return Column(str(column["name"]), None if categories is None else tuple(map(str, categories)))


def _column(table: Table, name: str, goal: bool = False) -> Column:
    if table.is_numeric(name):
        return Column(name, None)
    _check_texts(table, name, goal)
    categories = tuple(sorted(set(table.texts(name))))
    if len(categories) > MOST_COLUMNS:
        message = f"{table.path}: the column {quoted(name)} has {len(categories):,} different texts"
        raise fail("too-large", message, at=AT, hint=f"at most {MOST_COLUMNS:,} are read")
    _check_alike(table, name, categories)
    _check_unit(table, name, categories)
    return Column(name, categories)


def _check_width(table: Table, columns: Sequence[Column]) -> None:
    """Refuse more one-hot features than there may be columns."""
    coded = [column for column in columns if column.categories is not None]
    if (width := sum(column.width for column in coded)) > MOST_COLUMNS:
        widest = max(coded, key=lambda column: column.width)
        message = f"{table.path}: its columns of texts give {width:,} features, at most {MOST_COLUMNS:,} are made"
        hint = f"{_drop(widest.name)}, which has {widest.width:,} different texts"
        raise fail("too-large", message, at=AT, hint=hint)


def _check_alike(table: Table, name: str, categories: Sequence[str]) -> None:
    """Say where texts that are different ones differ in white space or case alone."""
    seen: dict[str, str] = {}
    for text in categories:
        other = seen.setdefault(" ".join(text.split()).casefold(), text)
        if other != text:
            message = (
                f"{table.path}: {quoted(other)} and {quoted(text)} are different texts in the column {quoted(name)}"
            )
            warn("bad-data", message, at=AT, hint="write them alike if they are meant to be one")
            return


def _check_unit(table: Table, name: str, categories: Sequence[str]) -> None:
    """Say where texts are numbers, all with one unit."""
    unit = unit_of(categories) if len(categories) > _FEW_AMOUNTS else ""
    if unit:
        text = table.texts(name)[0]
        message = f"{table.place(name, 0)}: {quoted(text)} is a number with a unit, and the column is read as texts"
        warn("bad-data", message, at=AT, hint=f"write the numbers without {quoted(unit)} if they are meant")


def _check_texts(table: Table, name: str, goal: bool) -> None:
    """Refuse a column of numbers in another notation; say where one that is read as texts may be meant as numbers."""
    texts, profile = table.texts(name), table.profile(name)
    if profile is not None:
        hint = "" if profile.codes else other_notation([texts[row] for row in profile.texts])
        if hint:
            row = profile.texts[0]
            raise table.fault(name, row, f"{quoted(texts[row])} is no number as this table writes them", hint)
        present = len(texts) - len(profile.missing)
        if profile.codes and not profile.texts:
            row = profile.codes[0]
            message = f"{table.place(name, row)}: {quoted(texts[row])} begins with 0, so the column is read as codes"
            warn("bad-data", message, at=AT, hint="each is a text of its own")
        elif 2 * profile.numbers > present:
            row = profile.texts[0]
            many = "this one value makes" if len(profile.texts) == 1 else f"it and {len(profile.texts) - 1:,} more make"
            warn("bad-data", f"{table.place(name, row)}: {many} a column of texts: {quoted(texts[row])}", at=AT)
    missing = [row for row, text in enumerate(texts) if is_missing(text)]
    if missing and not (goal and not all(texts[row].strip() for row in missing)):  # that is refused where it is read
        many, text = f"{len(missing):,} cells are" if len(missing) > 1 else "a cell is", texts[missing[0]]
        what = quoted(text) if text.strip() else "empty"
        warn("bad-data", f"{table.place(name, missing[0])}: {many} {what}, which is taken for a text of its own", at=AT)


def _check_feature(table: Table, column: Column) -> None:
    """Say where a column counts the rows, or is another text in every row: it tells nothing of other rows."""
    count, name = len(table.rows), column.name
    if count < _FEW_ROWS:
        return
    if column.categories is not None:
        if column.width == count:
            warn("bad-data", f"{table.path}: the column {quoted(name)} has another text in every row", AT, _drop(name))
        return
    values = np.sort(table.numbers(name))
    if values[0] in (0, 1) and np.array_equal(values, np.arange(values[0], values[0] + count)):
        what = f"the column {quoted(name)}" if name.strip() else 'the column without a name, "",'
        warn("bad-data", f"{table.path}: {what} counts the rows and is read as a feature", AT, _drop(name))


def _check_two(table: Table, name: str) -> None:
    """Say where a target that is regressed has two values alone."""
    values = np.unique(table.numbers(name))
    if len(values) == 2:
        message = f"{table.path}: the target {quoted(name)} is {values[0]:g} or {values[1]:g}, and is read as numbers"
        warn("bad-data", message, at=AT, hint="classes = true reads two classes")


def _drop(name: str) -> str:
    return f"drop = [{quoted(name)}] leaves it out"


def _labels(table: Table, name: str, categories: Sequence[str]) -> Tensor:
    """``N`` int64; a text outside `categories`, and a missing one, is no class."""
    places = {text: index for index, text in enumerate(categories)}
    texts = list(map(str, table.wholes(name))) if table.is_numeric(name) else table.texts(name)
    for row, text in enumerate(texts):
        if not text.strip():
            raise table.fault(name, row, "a missing value is no class")
        if text not in places:
            raise table.fault(name, row, f"{quoted(text)} is no class of the training table")
    return torch.tensor([places[text] for text in texts])
