"""Tables in CSV and Parquet: numeric columns as they are, text columns one-hot, one column as the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from graphspec.data.samples import Samples
from graphspec.data.sources.cells import Notation
from graphspec.data.sources.columns import Columns
from graphspec.data.sources.csv_file import read_csv
from graphspec.data.sources.parquet_file import read_parquet
from graphspec.data.sources.paths import PlainText
from graphspec.data.sources.source import Place, Source
from graphspec.data.sources.table import AT, Table
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
    drop: Sequence[PlainText] | None = None,
) -> Source:
    """The table ``root/file``, whose first line names the columns; `target` is the one to predict.

    A target of texts, or one of whole numbers with `classes`, gives class labels; a numeric one is regressed. Features
    are ``N × width``, all columns but the target and those to `drop`. A text that only ``test_file`` has is no
    category: all its features are 0. Numbers are as Python writes them, but for the `decimal` point and what stands
    between `thousands`; digits behind a leading zero are a code, which is a text.
    """
    notation = Notation(delimiter, decimal, thousands)
    return _source(lambda path: read_csv(path, notation), place, file, target, test_file, classes, _names(drop))


def parquet_table(
    place: Place,
    file: str,
    target: PlainText,
    test_file: str = "",
    classes: bool = False,
    drop: Sequence[PlainText] | None = None,
) -> Source:
    """The Parquet file ``root/file``, read by pyarrow, under the rules of ``csv``; `target` is the column to predict.

    Numbers and booleans are numeric columns, strings and dictionaries texts; other types are refused.
    """
    return _source(read_parquet, place, file, target, test_file, classes, _names(drop))


def _source(
    read: Callable[[Path], Table],
    place: Place,
    file: str,
    target: PlainText,
    test_file: str,
    classes: bool,
    drop: Sequence[str],
) -> Source:
    training = read(place.root / file)
    columns = Columns.learn(training, target, classes, drop)

    def test() -> Samples:
        table = read(place.root / test_file)
        odd = sorted((set(table.columns) ^ set(training.columns)) - set(drop))
        if odd:
            names = ", ".join(map(quoted, odd))
            raise fail("bad-data", f"{training.path} and {table.path} differ in their columns: {names}", at=AT)
        return columns.samples(table)

    return Source(columns.samples(training), test if test_file else None, columns.labels, columns=columns)


def _names(drop: Sequence[str] | None) -> Sequence[str]:
    if drop is not None and (not isinstance(drop, list | tuple) or not all(isinstance(name, str) for name in drop)):
        raise fail("bad-value", f"drop must be a list of columns, not {drop!r}", at=(*AT, "drop"))
    return drop or ()


TABLES: Mapping[str, Callable[..., Source]] = {"csv": csv_table, "parquet": parquet_table}
