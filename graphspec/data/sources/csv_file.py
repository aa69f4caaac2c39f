"""Reading CSV: a first line of names, then rows of as many fields."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from graphspec.data.memory import check_size
from graphspec.data.sources.cells import PLAIN, Notation, number
from graphspec.data.sources.table import AT, Table, check_names, missing_file, no_rows
from graphspec.diagnostics import fail, quoted, warn
from graphspec.system.regular_file import open_regular

#: What tables are separated by, besides the comma, in the order in which they are looked for.
_DELIMITERS = (";", "\t", "|", ",")
#: Bytes of memory that a byte of CSV takes as a Python text in a list, for the short texts of tables.
_GROWTH = 8


def read_csv(path: Path, notation: Notation = PLAIN, named: bool = True) -> Table:
    """The table at `path`; empty lines are passed over. Rows are numbered by their line.

    Where the columns are not `named` the first line is a row like the others, and their names are their numbers.

    Raises ``GraphspecError`` for what is no such table, naming the row.
    """
    rows: list[int] = []
    columns: list[list[str]] = []
    try:
        with open_regular(path) as binary:
            check_size(path, _GROWTH * path.stat().st_size)
            lines = csv.reader(io.TextIOWrapper(binary, _codec(notation), newline=""), delimiter=notation.delimiter)
            header = next(lines, [])
            line = lines.line_num
            if named:
                check_header(path, header, notation)
                columns = [[] for _ in header]
            else:
                columns, rows = [[text] for text in header], [line] if header else []
                header = [str(place) for place in range(len(header))]
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
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        hint = (
            'save it as UTF-8, or write encoding = "cp1252" (Windows), "latin-1", …'
            if isinstance(error, UnicodeDecodeError)
            else ""
        )
        raise fail("bad-data", f"{path} cannot be read as CSV: {reason}", at=AT, hint=hint) from error
    if not rows:
        raise no_rows(path)
    return Table(path, dict(zip(header, columns, strict=True)), rows, notation=notation)


def _codec(notation: Notation) -> str:
    """Python's, which passes over the mark that programs put before UTF-8."""
    return "utf-8-sig" if notation.encoding.lower().replace("_", "-") == "utf-8" else notation.encoding


def check_header(path: Path, header: Sequence[str], notation: Notation) -> None:
    """Raise ``GraphspecError`` for names that are no names, or that another delimiter separates."""
    check_names(path, header)
    if len(header) == 1:
        other = next((mark for mark in _DELIMITERS if mark != notation.delimiter and mark in header[0]), None)
        if other is not None:
            mark = {"\t": "\\t"}.get(other, other)
            message = f"{path} has one column, {quoted(header[0])}: its delimiter is {quoted(mark)}"
            raise fail("bad-data", message, at=AT, hint=f'write delimiter = "{mark}"')
    if len(header) > 1 and all(number(notation.plain(name)) == number(notation.plain(name)) for name in header):
        first = ", ".join(header[:4])
        warn("bad-data", f"{path}: the first line is read as the columns' names, and holds numbers: {first}", at=AT)
