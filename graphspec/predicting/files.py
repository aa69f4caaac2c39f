"""A user's file as samples for a network's input, before any transform."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphspec.data.decoded import decode
from graphspec.data.memory import check_size
from graphspec.data.sources.cells import PLAIN, number
from graphspec.data.sources.columns import Columns
from graphspec.data.sources.csv_file import read_csv
from graphspec.data.sources.parquet_file import read_parquet
from graphspec.data.sources.parts import is_image
from graphspec.data.sources.table import Table
from graphspec.diagnostics import fail, quoted, warn
from graphspec.shapes import TensorType
from graphspec.system.array_file import read_array
from graphspec.system.regular_file import open_regular

TABLES = (".csv", ".parquet")


def read_samples(path: Path, kind: TensorType, colour: bool, columns: Columns | None) -> Tensor:
    """The samples in `path`, one in each row of the result.

    An image gives ``1 × C × H × W`` uint8, RGB with `colour` and grey without; ``.npy`` one sample or a batch of
    them, as the data set holds them; ``.csv`` and ``.parquet`` a table like the training one, of whose `columns`,
    in any order, the target may be missing; or rows of bare numbers.
    """
    suffix = path.suffix.lower()
    if is_image(path.name):
        return decode(str(path), "RGB" if colour else "L").unsqueeze(0)
    if suffix in TABLES:
        return _table(path, columns)
    if suffix != ".npy":
        raise fail("wrong-extension", f"{quoted(path)} is neither an image nor .npy, .csv or .parquet")
    try:
        with open_regular(path) as file:
            values = read_array(file, lambda claim: check_size(path, claim.values * (claim.dtype.itemsize + 8)))
        if values.dtype.kind not in "buif":
            raise ValueError("it holds no array of numbers")
        if not values.size:
            raise ValueError("its array is empty")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise fail("bad-data", f"{quoted(path)} cannot be read: {reason}") from error
    plain = values if values.dtype == np.uint8 else values.astype(np.float64 if values.dtype.kind == "f" else np.int64)
    found = torch.from_numpy(np.ascontiguousarray(plain))
    return found if found.ndim == len(kind.shape) else found.unsqueeze(0)


def _table(path: Path, columns: Columns | None) -> Tensor:
    notation = PLAIN if columns is None else columns.notation
    if path.suffix.lower() == ".parquet":
        table = read_parquet(path)
    else:
        head = read_csv(path, notation, named=False)
        names = [texts[0] for texts in head.columns.values()]
        if all(number(notation.plain(name)) == number(notation.plain(name)) for name in names):
            return _bare(head, columns)
        table = read_csv(path, notation)
    if columns is None:
        return torch.stack([torch.from_numpy(table.numbers(name)) for name in table.columns], 1)
    wanted = [column.name for column in columns.features]
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        listed = ", ".join(map(quoted, missing))
        hint = f"the training table's are {', '.join(map(quoted, wanted))}"
        raise fail("bad-data", f"{quoted(path)} has no column {listed}", hint=hint)
    odd = [name for name in table.columns if name not in (*wanted, columns.goal.name, *columns.dropped)]
    if odd:
        warn("bad-data", f"{quoted(path)}: not used: {', '.join(map(quoted, odd))}")
    return columns.inputs(table)


def _bare(table: Table, columns: Columns | None) -> Tensor:
    """Rows of numbers without names, as the network takes them: texts are one-hot already."""
    values = torch.stack([torch.from_numpy(table.numbers(name)) for name in table.columns], 1)
    if columns is not None and values.shape[1] != columns.width:
        widths = ", ".join(f"{column.name} {column.width}" for column in columns.features)
        message = (
            f"{quoted(table.path)} has {values.shape[1]} numbers a row, the network takes {columns.width}: {widths}"
        )
        raise fail("shape-mismatch", message, hint="a first line of names gives texts as they are")
    return values
