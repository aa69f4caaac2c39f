"""Tables in CSV: numeric columns as they are, text columns one-hot, one column as the target."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from graphspec.data.samples import Samples
from graphspec.data.sources.source import Place, Source
from graphspec.diagnostics import GraphspecError, fail, quoted, suggest

MOST_COLUMNS = 10_000
AT = ("data", "dataset")


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """How a column becomes numbers: ``categories`` are the texts in sorted order, None for a numeric column."""

    name: str
    categories: tuple[str, ...] | None

    @property
    def width(self) -> int:
        """How many features it gives."""
        return 1 if self.categories is None else len(self.categories)


def csv_table(place: Place, file: str, target: str, test_file: str = "", classes: bool = False) -> Source:
    """The table ``root/file``, whose first line names the columns; `target` is the one to predict.

    A target of texts, or any with `classes`, gives class labels; a numeric one is regressed. Features are ``N × width``
    float32. A text that only ``test_file`` has is no category: all its features are 0.
    """
    header, rows = _rows(place.root / file)
    if target not in header:
        hint = suggest(target, header) or f"columns: {', '.join(header[:20])}"
        raise fail("bad-data", f"{file} has no column {quoted(target)}", at=(*AT, "target"), hint=hint)
    columns = [_column(name, [row[i] for row in rows]) for i, name in enumerate(header)]
    goal = columns[header.index(target)]
    if classes and goal.categories is None:
        texts = {row[header.index(target)] for row in rows}
        goal = Column(target, tuple(sorted(texts, key=float)))
    features = [column for column in columns if column.name != target]
    if not features:
        raise fail("bad-data", f"{file} has no column besides {quoted(target)}", at=AT)

    def samples(path: Path) -> Samples:
        names, found = _rows(path)
        if sorted(names) != sorted(header):
            odd = sorted(set(names) ^ set(header))
            raise fail(
                "bad-data", f"{file} and {path.name} differ in their columns: {', '.join(map(quoted, odd))}", at=AT
            )
        return _samples(path, names, found, features, goal)

    return Source(
        _samples(place.root / file, header, rows, features, goal),
        test=(lambda: samples(place.root / test_file)) if test_file else None,
        classes=goal.categories,
    )


def _rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """The header and the rows, every row as long as the header."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            if len(header) > MOST_COLUMNS:
                raise fail("too-large", f"{path} has {len(header):,} columns, at most {MOST_COLUMNS:,} are read", at=AT)
            rows = [row for row in lines if row]
    except FileNotFoundError as error:
        raise fail(
            "no-data", f"{path} does not exist", at=(*AT, "file"), hint="--data DIR names another folder"
        ) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise fail("bad-data", f"{path} cannot be read as CSV: {error}", at=AT) from error
    if not rows:
        raise fail("no-data", f"{path} has no rows", at=AT)
    if len(set(header)) < len(header):
        raise fail("bad-data", f"{path} names a column twice", at=AT)
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise fail("bad-data", f"{path}, row {number}: {len(row)} fields, the header has {len(header)}", at=AT)
    return header, rows


def _column(name: str, texts: Sequence[str]) -> Column:
    return Column(name, None if all(map(_is_number, texts)) else tuple(sorted(set(texts))))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.strip() == ""  # a missing value, which is reported where the numbers are made
    return True


def _samples(path: Path, header: list[str], rows: list[list[str]], features: Sequence[Column], goal: Column) -> Samples:
    def texts(column: Column) -> list[str]:
        position = header.index(column.name)
        return [row[position] for row in rows]

    values = torch.cat([_features(path, column, texts(column)) for column in features], dim=1)
    if goal.categories is None:
        return Samples({"features": values}, {goal.name: _features(path, goal, texts(goal))})
    known = {text: index for index, text in enumerate(goal.categories)}
    found = texts(goal)
    for number, text in enumerate(found, 2):
        if text not in known:
            raise fail("bad-data", f"{path}, row {number}: {quoted(text)} is no class of the training table", at=AT)
    return Samples({"features": values}, {goal.name: torch.tensor([known[text] for text in found])})


def _features(path: Path, column: Column, texts: Sequence[str]) -> Tensor:
    """``N × width`` float32."""
    if column.categories is None:
        numbers = [_number(path, column.name, number, text) for number, text in enumerate(texts, 2)]
        return torch.tensor(numbers, dtype=torch.float32).unsqueeze(1)
    places = {text: index for index, text in enumerate(column.categories)}
    hot = torch.zeros(len(texts), column.width)
    for row, text in enumerate(texts):
        if text in places:
            hot[row, places[text]] = 1
    return hot


def _number(path: Path, column: str, row: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise _no_number(path, column, row, text) from None
    if not math.isfinite(value):
        raise _no_number(path, column, row, text)
    return value


def _no_number(path: Path, column: str, row: int, text: str) -> GraphspecError:
    what = quoted(text) if text.strip() else "a missing value"
    return fail("bad-data", f"{path}, row {row}, column {quoted(column)}: {what} is no finite number", at=AT)
