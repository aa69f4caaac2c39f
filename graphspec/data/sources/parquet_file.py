"""Reading Parquet with pyarrow, which is the extra ``graphspec[parquet]``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphspec.data.memory import check_size
from graphspec.data.sources.table import AT, Table, check_names, no_rows
from graphspec.data.unread import reading
from graphspec.diagnostics import fail
from graphspec.system.regular_file import require_regular


def read_parquet(path: Path) -> Table:
    """The table at `path`: numbers and booleans as numbers, strings and dictionaries of strings as texts.

    Columns of other types, as dates, are not read; they may be left out. Rows are numbered
    from 0. Raises ``GraphspecError`` for what is no such table, and where pyarrow is missing.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        hint = "pip install 'graphspec[parquet]'"
        raise fail("no-data", "a Parquet table needs pyarrow, which is not installed", at=AT, hint=hint) from error
    with reading(path, "Parquet", pyarrow.ArrowException):
        with parquet.ParquetFile(require_regular(path)) as file:  # one file: no folder, no columns in its path
            schema, about = file.schema_arrow, file.metadata
            check_names(path, schema.names)
            kinds = {name: _kind(schema.field(name).type) for name in schema.names}
            check_size(path, 8 * about.num_rows * about.num_columns + _claimed(about))
        texts = [name for name, kind in kinds.items() if kind == "texts"]
        nothing = np.broadcast_to(np.nan, about.num_rows)
        # a text is kept once, however often it occurs: a dictionary of 20 kB can stand for gigabytes
        with parquet.ParquetFile(path, read_dictionary=texts) as file:
            columns = {
                name: _values(file.read(columns=[name]).column(0), kind) if kind else nothing
                for name, kind in kinds.items()
            }
    if not about.num_rows:
        raise no_rows(path)
    other = {name: str(schema.field(name).type) for name, kind in kinds.items() if not kind}
    return Table(path, columns, range(about.num_rows), typed=True, other=other)


def _claimed(about: Any) -> int:
    """Bytes that the file says its columns take once they are unpacked, their values' encoding left as it is."""
    groups = (about.row_group(group) for group in range(about.num_row_groups))
    return sum(group.column(k).total_uncompressed_size for group in groups for k in range(group.num_columns))


def _kind(kind: Any) -> str:
    """``"texts"`` or ``"numbers"``; empty for a type that is neither."""
    from pyarrow import types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return "texts"
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "numbers"
    return ""


def _values(column: Any, kind: str) -> list[str] | np.ndarray:
    from pyarrow import types

    if kind == "texts":
        found: list[str] = []
        for chunk in column.chunks:
            coded = chunk if types.is_dictionary(chunk.type) else chunk.dictionary_encode()
            texts = [text or "" for text in coded.dictionary.to_pylist()]
            places = coded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False).tolist()
            texts.append("")
            found += [texts[place] for place in places]
        return found
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if types.is_decimal(column.type):
        return np.array([np.nan if value is None else float(value) for value in column.to_pylist()])
    return np.asarray(column.to_numpy())
