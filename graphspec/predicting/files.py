"""A user's file as samples for a network's input, before any transform."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from graphspec.data.decoded import decode
from graphspec.data.memory import check_size
from graphspec.data.sources.cells import PLAIN, Notation, number
from graphspec.data.sources.columns import Columns
from graphspec.data.sources.csv_file import read_csv
from graphspec.data.sources.parquet_file import read_parquet
from graphspec.data.sources.parts import is_image
from graphspec.data.sources.table import Table
from graphspec.data.unread import reading
from graphspec.diagnostics import fail, quoted, warn
from graphspec.predicting.arrays import in_full
from graphspec.shapes import TensorType
from graphspec.system.array_file import read_array
from graphspec.system.regular_file import open_regular, read_regular

TABLES = (".csv", ".parquet")
TEXT = ".txt"
_MOST_TEXT = 1 << 24


def read_text(path: Path) -> str:
    """The text in `path`, UTF-8. Raises ``GraphspecError``."""
    with reading(path, "a text", UnicodeError, hint="save it as UTF-8", at=()):
        return read_regular(path, most=_MOST_TEXT).decode("utf-8-sig")


def read_samples(path: Path, kind: TensorType, colour: bool) -> Tensor:
    """The samples in `path`, one in each row of the result.

    An image gives ``1 × C × H × W`` uint8, RGB with `colour` and grey without; ``.npy`` one sample or a batch of
    them, as the data set holds them; ``.csv`` and ``.parquet`` rows of numbers.
    """
    suffix = path.suffix.lower()
    if is_image(path.name):
        return decode(str(path), "RGB" if colour else "L").unsqueeze(0)
    if suffix in TABLES:
        return _numbers(_opened(path, PLAIN)[0])
    if suffix != ".npy":
        raise fail("wrong-extension", f"{quoted(path)} is neither an image nor .npy, .csv or .parquet")
    with reading(path, "an array", ValueError, at=()):
        with open_regular(path) as file:
            values = read_array(file, lambda claim: check_size(path, claim.values * (claim.dtype.itemsize + 8)))
        if values.dtype.kind not in "buif":
            raise ValueError("it holds no array of numbers")
        if not values.size:
            raise ValueError("its array is empty")
    found = in_full(values)
    return found if found.ndim == len(kind.shape) else found.unsqueeze(0)


def read_table(path: Path, columns: Columns) -> dict[str, Tensor]:
    """The rows of a table like the training one, by field, as :meth:`Columns.filled` gives them.

    Its columns stand in any order, and the target may be missing; or they are bare numbers, as the network takes them.
    """
    table, named = _opened(path, columns.notation)
    if not named:
        return _bare(table, columns)
    wanted = columns.names
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        listed = ", ".join(map(quoted, missing))
        hint = f"the training table's are {', '.join(map(quoted, wanted))}"
        raise fail("bad-data", f"{quoted(path)} has no column {listed}", hint=hint)
    known = (*wanted, columns.goal.name, *columns.dropped, *columns.unused)
    if odd := [name for name in table.columns if name not in known]:
        warn("bad-data", f"{quoted(path)}: not used: {', '.join(map(quoted, odd))}")
    return columns.filled(columns.encoded(table))


def _opened(path: Path, notation: Notation) -> tuple[Table, bool]:
    """The table at `path`, and whether its columns have names."""
    if path.suffix.lower() == ".parquet":
        return read_parquet(path), True
    head = read_csv(path, notation, named=False)
    first = [number(notation.plain(texts[0])) for texts in head.columns.values()]
    bare = all(value == value for value in first)
    return (head, False) if bare else (read_csv(path, notation), True)


def _numbers(table: Table) -> Tensor:
    return torch.stack([torch.from_numpy(table.numbers(name)) for name in table.columns], 1)


def _bare(table: Table, columns: Columns) -> dict[str, Tensor]:
    """Rows of numbers without names: texts are one-hot already."""
    values, hint = _numbers(table), "a first line of names gives texts as they are"
    if columns.alone or columns.texts:
        names = ", ".join(map(quoted, columns.names))
        raise fail("bad-data", f"{quoted(table.path)} does not name its columns, which are {names}", hint=hint)
    if values.shape[1] != columns.width:
        widths = ", ".join(f"{column.name} {column.width}" for column in columns.features)
        message = (
            f"{quoted(table.path)} has {values.shape[1]} numbers a row, the network takes {columns.width}: {widths}"
        )
        raise fail("shape-mismatch", message, hint=hint)
    return {columns.table: values}
