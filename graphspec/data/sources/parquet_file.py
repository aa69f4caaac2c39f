"""Reading Parquet with pyarrow, which is the extra ``graphspec[parquet]``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphspec.data.memory import check_size
from graphspec.data.sources.table import AT, Table, check_names, missing_file, no_rows
from graphspec.diagnostics import fail, quoted


def read_parquet(path: Path) -> Table:
    """The table at `path`: numbers and booleans as numbers, strings and dictionaries of strings as texts.

    Rows are numbered from 0. Raises ``GraphspecError`` for what is no such table, and where pyarrow is missing.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        hint = "pip install 'graphspec[parquet]'"
        raise fail("no-data", "a Parquet table needs pyarrow, which is not installed", at=AT, hint=hint) from error
    if not path.is_file():
        raise missing_file(path)
    try:
        # one file, no folder and no discovery of columns in its path
        with parquet.ParquetFile(path) as file:
            check_names(path, file.schema_arrow.names)
            check_size(path, 8 * file.metadata.num_rows * file.metadata.num_columns)
            table = file.read()
    except (OSError, pyarrow.ArrowException) as error:
        raise fail("bad-data", f"{path} cannot be read as Parquet: {error}", at=AT) from error
    if not table.num_rows:
        raise no_rows(path)
    columns = {name: _values(path, name, table.column(name)) for name in table.column_names}
    return Table(path, columns, range(table.num_rows), typed=True)


def _values(path: Path, name: str, column: Any) -> list[str] | np.ndarray:
    from pyarrow import types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return ["" if text is None else text for text in column.to_pylist()]
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return np.array([np.nan if value is None else float(value) for value in column.to_pylist()])
    raise fail("bad-data", f"{path}: the column {quoted(name)} is of type {kind}, no numbers and no texts", at=AT)
