"""The columns of a table, each by its name, on their way into the inputs of a network: numbers, ids, one-hot texts.

A column of numbers is ``N`` float64, NaN where nothing is known; one of texts ``N`` strings as the table holds them.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphspec.data.sources.cells import MISSING_TEXT, is_missing
from graphspec.data.sources.column import Column
from graphspec.data.sources.columns import Columns
from graphspec.data.sources.table import Table
from graphspec.diagnostics import GraphspecWarning
from graphspec.exporting.tape import Taped

if TYPE_CHECKING:
    import onnx_ir as ir

#: ONNX's name of a column of texts.
STRING = "string"
#: The first version of ONNX's operators that has RegexFullMatch.
TEXTS_SINCE = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Cells:
    """The columns of a table as ``columns`` knows them, in batches of the size (or of the name) ``batch``."""

    columns: Columns
    batch: int | str = "N"

    @property
    def signature(self) -> list[dict[str, Any]]:
        """Name, shape and dtype of each column, as the manifest has them."""
        return [{"name": c.name, "shape": [self.batch], "dtype": _dtype(c)} for c in self.columns.each]

    def tensors(self, raw: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
        """The fields of the data set that the rows `raw` give, by the code that reads tables."""
        cells = {column.name: _cells(column, raw[column.name]) for column in self.columns.each}
        count = len(next(iter(cells.values())))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GraphspecWarning)  # unknown texts are meant here
            return self.columns.filled(self.columns.encoded(Table(Path("rows"), cells, range(count), typed=True)))

    def write(self, op: Taped, raw: Mapping[str, ir.Value]) -> dict[str, ir.Value]:
        """The same as :meth:`tensors`, as nodes behind `raw`."""
        columns, found = self.columns, {}
        for column in columns.alone:
            value = _ids(op, column, raw[column.name], 1, 0) if column.ids else _number(op, column, raw[column.name])
            found[column.name] = value if column.name in columns.flat else op("Unsqueeze", value, np.array([1]))
        if columns.features:
            each = [_features(op, column, raw[column.name]) for column in columns.features]
            found[columns.table] = op("Concat", *each, axis=1) if len(each) > 1 else each[0]
        return found

    def raw(self, fields: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
        """Rows that become about `fields`; an id beyond the known ones is counted from the first again.

        A text is that of its id, or of the greatest of its features.
        """
        found = {}
        for column in self.columns.alone:
            found[column.name] = _raw(column, fields[column.name].flatten())
        for place, column in self.columns.places():
            found[column.name] = _raw(column, fields[self.columns.table][:, place])
        return found

    def every_text(self, raw: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """`raw`, its texts one known one after the other."""
        known = {c.name: c.categories for c in self.columns.each if c.categories}
        found = {
            name: np.array([known[name][row % len(known[name])] for row in range(len(cells))], dtype=np.str_)
            for name, cells in raw.items()
            if name in known
        }
        return {**raw, **found}

    def odd(self, raw: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """`raw` with every second text one that no table has, and every third cell that may be missing missing."""
        found = {}
        for column in self.columns.each:
            cells = raw[column.name].copy().astype(object if column.categories is not None else np.float64)
            if column.categories is not None:
                cells[::2] = unknown_text(column)
            if column.fill is not None:
                cells[1::3] = np.nan if column.categories is None else " n/A\t"
            found[column.name] = cells if column.categories is None else np.array(cells.tolist(), dtype=np.str_)
        return found


def unknown_text(column: Column) -> str:
    """A text that is none of the column's."""
    text = "another"
    while text in (column.categories or ()):
        text += "?"
    return text


def _dtype(column: Column) -> str:
    return "float64" if column.categories is None else STRING


def _cells(column: Column, values: NDArray[Any]) -> Any:
    return values.astype(np.float64) if column.categories is None else [str(text) for text in values.tolist()]


def _raw(column: Column, values: Tensor) -> NDArray[Any]:
    known = column.categories
    if known is None:
        return values.flatten().to(torch.float64).numpy()
    if column.ids:
        places = [int(value) % (len(known) + 1) - 1 for value in values.tolist()]
    else:
        places = values.argmax(1).tolist()
    return np.array([known[place] if place >= 0 else unknown_text(column) for place in places], dtype=np.str_)


def _number(op: Taped, column: Column, cells: ir.Value) -> ir.Value:
    if column.fill is None:
        return cells
    assert isinstance(column.fill, float)
    return op("Where", op("IsNaN", cells), np.float64(column.fill), cells)


def _ids(op: Taped, column: Column, cells: ir.Value, first: int, unknown: int) -> ir.Value:
    """The place of each text, counted from `first`; `unknown` for any other; that of what fills for a missing one."""
    known = column.categories or ()
    places = list(range(first, first + len(known)))
    keys, numbers = ([*known], places) if known else ([""], [unknown])  # ONNX takes no empty list
    ids = op.ml("LabelEncoder", cells, keys_strings=keys, values_int64s=numbers, default_int64=unknown)
    if column.fill is None:
        return ids
    missing = op("RegexFullMatch", cells, pattern=MISSING_TEXT)
    return op("Where", missing, np.int64(first + known.index(str(column.fill))), ids)


def _features(op: Taped, column: Column, cells: ir.Value) -> ir.Value:
    """``N × width`` float64."""
    if column.categories is None:
        return op("Unsqueeze", _number(op, column, cells), np.array([1]))
    ids = op("Unsqueeze", _ids(op, column, cells, 0, -1), np.array([1]))
    return op.cast(op("Equal", ids, np.arange(column.width)[None]), np.float64)


def is_whole(raw: Mapping[str, NDArray[Any]], row: int) -> bool:
    """Whether no cell of the row is missing."""
    cells = [values[row].item() for values in raw.values()]
    return not any(is_missing(cell) if isinstance(cell, str) else cell != cell for cell in cells)
