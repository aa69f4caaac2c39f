"""Reading CSV: a first line of names, then rows of as many fields."""

from __future__ import annotations

import csv
from pathlib import Path

from graphspec.data.memory import check_size
from graphspec.data.sources.table import AT, Table, check_names, missing_file, no_rows
from graphspec.diagnostics import fail


def read_csv(path: Path) -> Table:
    """The table at `path`, UTF-8, comma-separated; empty lines are passed over. Rows are numbered by their line.

    Raises ``GraphspecError`` for what is no such table, naming the row.
    """
    columns: list[list[str]] = []
    rows: list[int] = []
    try:
        check_size(path, path.stat().st_size)
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            check_names(path, header)
            columns = [[] for _ in header]
            line = lines.line_num
            for fields in lines:
                line, start = lines.line_num, line + 1  # a quoted field may span lines
                if not fields:
                    continue
                if len(fields) != len(header):
                    message = f"{path}, row {start}: {len(fields)} fields, the header has {len(header)}"
                    raise fail("bad-data", message, at=AT)
                rows.append(start)
                for column, text in zip(columns, fields, strict=True):
                    column.append(text)
    except FileNotFoundError as error:
        raise missing_file(path) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise fail("bad-data", f"{path} cannot be read as CSV: {error}", at=AT) from error
    if not rows:
        raise no_rows(path)
    return Table(path, dict(zip(header, columns, strict=True)), rows)
