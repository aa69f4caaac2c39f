"""Tables in CSV and Parquet: numeric columns as they are, text columns one-hot, one column as the target."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphspec.data.samples import Samples
from graphspec.data.sources.csv_file import read_csv
from graphspec.data.sources.parquet_file import read_parquet
from graphspec.data.sources.paths import PlainText
from graphspec.data.sources.source import Place, Source
from graphspec.data.sources.table import AT, MOST_COLUMNS, Table
from graphspec.diagnostics import fail, quoted, suggest, warn


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """How a column becomes numbers: ``categories`` are the texts in sorted order, None for a numeric column."""

    name: str
    categories: tuple[str, ...] | None

    @property
    def width(self) -> int:
        """How many features it gives."""
        return 1 if self.categories is None else len(self.categories)


def csv_table(place: Place, file: str, target: PlainText, test_file: str = "", classes: bool = False) -> Source:
    """The table ``root/file``, whose first line names the columns; `target` is the one to predict.

    A target of texts, or one of whole numbers with `classes`, gives class labels; a numeric one is regressed. Features
    are ``N × width`` float32. A text that only ``test_file`` has is no category: all its features are 0.
    """
    return _source(read_csv, place, file, target, test_file, classes)


def parquet_table(place: Place, file: str, target: PlainText, test_file: str = "", classes: bool = False) -> Source:
    """The Parquet file ``root/file``, read by pyarrow, under the rules of ``csv``; `target` is the column to predict.

    Numbers and booleans are numeric columns, strings and dictionaries texts; other types are refused.
    """
    return _source(read_parquet, place, file, target, test_file, classes)


def _source(
    read: Callable[[Path], Table], place: Place, file: str, target: PlainText, test_file: str, classes: bool
) -> Source:
    training = read(place.root / file)
    if target not in training.columns:
        hint = suggest(target, training.columns) or f"columns: {', '.join(list(training.columns)[:20])}"
        raise fail("bad-data", f"{training.path} has no column {quoted(target)}", at=(*AT, "target"), hint=hint)
    if len(training.columns) == 1:
        raise fail("bad-data", f"{training.path} has no column besides {quoted(target)}", at=AT)
    features = [_column(training, name) for name in training.columns if name != target]
    goal = _column(training, target)
    if classes and goal.categories is None:
        whole = sorted(set(_whole_numbers(training, target)))
        goal = Column(target, tuple(map(str, whole)))

    def test() -> Samples:
        table = read(place.root / test_file)
        odd = sorted(set(table.columns) ^ set(training.columns))
        if odd:
            names = ", ".join(map(quoted, odd))
            raise fail("bad-data", f"{training.path} and {table.path} differ in their columns: {names}", at=AT)
        return _samples(table, features, goal)

    labels = {} if goal.categories is None else {target: goal.categories}
    return Source(_samples(training, features, goal), test if test_file else None, labels)


def _column(table: Table, name: str) -> Column:
    if table.is_numeric(name):
        return Column(name, None)
    if (row := table.only_text(name)) is not None:
        warn("bad-data", f"{table.place(name, row)}: this one value makes a column of texts", at=AT)
    categories = tuple(sorted(set(table.texts(name))))
    if len(categories) > MOST_COLUMNS:
        message = f"{table.path}: the column {quoted(name)} has {len(categories):,} different texts"
        raise fail("too-large", message, at=AT, hint=f"at most {MOST_COLUMNS:,} are read")
    return Column(name, categories)


def _samples(table: Table, features: Sequence[Column], goal: Column) -> Samples:
    values = torch.cat([_features(table, column) for column in features], dim=1)
    if goal.categories is None:
        return Samples({"features": values}, {goal.name: _features(table, goal)})
    return Samples({"features": values}, {goal.name: _labels(table, goal.name, goal.categories)})


def _features(table: Table, column: Column) -> Tensor:
    """``N × width`` float32."""
    if column.categories is None:
        return torch.from_numpy(table.numbers(column.name).astype(np.float32)).unsqueeze(1)
    places = {text: index for index, text in enumerate(column.categories)}
    found = torch.tensor([places.get(text, -1) for text in table.texts(column.name)])
    return (found.unsqueeze(1) == torch.arange(column.width)).to(torch.float32)


def _labels(table: Table, name: str, categories: Sequence[str]) -> Tensor:
    """``N`` int64; a text outside `categories`, and a missing one, is no class."""
    places = {text: index for index, text in enumerate(categories)}
    texts = list(map(str, _whole_numbers(table, name))) if table.is_numeric(name) else table.texts(name)
    for row, text in enumerate(texts):
        if not text.strip():
            raise table.fault(name, row, "a missing value is no class")
        if text not in places:
            raise table.fault(name, row, f"{quoted(text)} is no class of the training table")
    return torch.tensor([places[text] for text in texts])


def _whole_numbers(table: Table, name: str) -> list[int]:
    """A numeric column whose numbers are classes."""
    numbers = table.numbers(name)
    broken = np.flatnonzero(numbers != np.floor(numbers))
    if len(broken):
        row = int(broken[0])
        raise table.fault(name, row, f"{numbers[row]:g} is no whole number, as classes are")
    return [int(number) for number in numbers]


TABLES: Mapping[str, Callable[..., Source]] = {"csv": csv_table, "parquet": parquet_table}
