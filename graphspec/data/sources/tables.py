"""Tables in CSV and Parquet: numeric columns as they are, text columns one-hot, one column as the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from graphspec.data.samples import Samples
from graphspec.data.sources.asked_columns import Asked, Missing
from graphspec.data.sources.cells import Notation
from graphspec.data.sources.columns import Columns
from graphspec.data.sources.csv_file import read_csv
from graphspec.data.sources.learned_columns import LearnedColumns
from graphspec.data.sources.parquet_file import read_parquet
from graphspec.data.sources.paths import PlainText
from graphspec.data.sources.source import Place, Source
from graphspec.data.sources.table import AT, WEIGHTS, Table
from graphspec.diagnostics import fail, quoted


def csv_table(
    place: Place,
    file: str,
    target: PlainText,
    test_file: str = "",
    classes: bool = False,
    delimiter: PlainText = ",",
    decimal: PlainText = ".",
    thousands: PlainText = "",
    encoding: PlainText = "utf-8",
    columns: Sequence[PlainText] | None = None,
    drop: Sequence[PlainText] | None = None,
    missing: PlainText = "refuse",
) -> Source:
    """The table ``root/file``, whose first line names the columns; `target` is the one to predict.

    A target of texts, or one of whole numbers with `classes`, gives class labels; a numeric one is regressed. An input
    that is called like a column takes it: a float one its numbers, a whole-number one ids of its texts, of which there
    are ``${vocabulary.NAME}`` with 0 for any text that the training part does not have. Other features are one table,
    ``N × width``, texts one-hot: `columns`, else all, but the target and those to `drop`. A text that only
    ``test_file`` has is no category: all its features are 0. Numbers are as Python writes them, but for the `decimal`
    point and what stands between `thousands`; digits behind a leading zero are a code, which is a text. A `missing`
    cell is refused, or its row dropped (``"drop"``), or it is filled with the training part's ``"mean"`` (numbers) or
    ``"most_frequent"`` (numbers and texts), as scikit-learn's SimpleImputer does; a row whose target is missing is
    dropped in all three.
    """
    notation = Notation(delimiter, decimal, thousands, encoding)
    asked = _asked(place, target, classes, columns, drop, missing)
    return _source(lambda path: read_csv(path, notation), place, file, test_file, asked)


def parquet_table(
    place: Place,
    file: str,
    target: PlainText,
    test_file: str = "",
    classes: bool = False,
    columns: Sequence[PlainText] | None = None,
    drop: Sequence[PlainText] | None = None,
    missing: PlainText = "refuse",
) -> Source:
    """The Parquet file ``root/file``, read by pyarrow, under the rules of ``csv``; `target` is the column to predict.

    Numbers and booleans are numeric columns, strings and dictionaries texts; other types are refused.
    """
    asked = _asked(place, target, classes, columns, drop, missing)
    return _source(read_parquet, place, file, test_file, asked)


def _source(read: Callable[[Path], Table], place: Place, file: str, test_file: str, asked: Asked) -> Source:
    training = read(place.root / file)
    if place.weights is not None:
        training.required(place.weights, "weights", WEIGHTS)
    training = training.complete(asked.never_missing(asked.used(training)))
    weights = None if place.weights is None else _weights(training, place.weights)
    columns = Columns.read(training, asked)

    def test() -> Samples:
        table = read(place.root / test_file)
        odd = sorted((set(table.columns) ^ set(training.columns)) - {*asked.drop, *columns.unused})
        if odd:
            names = ", ".join(map(quoted, odd))
            raise fail("bad-data", f"{training.path} and {table.path} differ in their columns: {names}", at=AT)
        return columns.samples(columns.complete(table))

    samples = columns.samples(training)
    return Source(
        samples, test if test_file else None, columns.labels, learn=lambda part: LearnedColumns(columns, part),
        groups=None if asked.group is None else _groups(training, asked.group), times=torch.arange(len(samples)),
        weights=weights,
    )  # fmt: skip


def _weights(table: Table, name: str) -> Tensor:
    """What the column `name` says of each row. Raises ``GraphspecError`` where it holds no numbers."""
    if not table.is_numeric(name):
        raise fail("bad-data", f"{table.path}: the column {quoted(name)} holds no weights, but texts", at=WEIGHTS)
    return torch.from_numpy(table.numbers(name))


def _groups(table: Table, name: str) -> Tensor:
    """A number for each row, equal where its cells of the column `name` are."""
    numbers: dict[str, int] = {}
    return torch.tensor([numbers.setdefault(text.strip(), len(numbers)) for text in table.texts(name)])


def _asked(
    place: Place, target: str, classes: bool, columns: Sequence[str] | None, drop: Sequence[str] | None, missing: str
) -> Asked:
    if missing not in get_args(Missing):
        known = ", ".join(map(quoted, get_args(Missing)))
        raise fail("bad-value", f"missing is {quoted(missing)}", at=(*AT, "missing"), hint=f"one of {known}")
    dropped = [*_names("drop", drop), *([place.weights] if place.weights else [])]
    return Asked(target, classes, _names("columns", columns), dropped, missing, place.inputs, place.group)  # type: ignore[arg-type]


def _names(key: str, names: Sequence[str] | None) -> Sequence[str]:
    if names is not None and (not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names)):
        raise fail("bad-value", f"{key} must be a list of columns, not {names!r}", at=(*AT, key))
    return names or ()


TABLES: Mapping[str, Callable[..., Source]] = {"csv": csv_table, "parquet": parquet_table}
