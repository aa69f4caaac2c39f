"""Reading CSV: a first line of names, then rows of as many fields."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from graphspec.data.memory import check_size
from graphspec.data.sources.cells import PLAIN, Notation, number
from graphspec.data.sources.table import AT, Table, check_names, no_rows
from graphspec.data.unread import reading
from graphspec.diagnostics import GraphspecError, fail, quoted, warn
from graphspec.system.regular_file import open_regular

#: What tables are separated by, besides the comma, in the order in which they are looked for.
_DELIMITERS = (";", "\t", "|", ",")
_ENCODING = 'save it as UTF-8, or write encoding = "cp1252" (Windows), "latin-1", …'
#: Bytes of memory that a byte of CSV takes as a Python text in a list, for the short texts of tables.
_GROWTH = 8


def read_csv(path: Path, notation: Notation = PLAIN, named: bool = True) -> Table:
    """The table at `path`; empty lines are passed over. Rows are numbered by their line.

    Where the columns are not `named` the first line is a row like the others, and their names are their numbers.

    Raises ``GraphspecError`` for what is no such table, naming the row.
    """
    rows: list[int] = []
    columns: list[list[str]] = []
    with reading(path, "CSV", UnicodeError, csv.Error, hint=_ENCODING), open_regular(path) as binary:
        check_size(path, _GROWTH * path.stat().st_size)
        _check_begin(path, binary.peek(4)[:4], notation)
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
                raise _uneven(path, start, line, fields, header)
            rows.append(start)
            for column, text in zip(columns, fields, strict=True):
                column.append(text)
    if not rows:
        raise no_rows(path)
    return Table(path, dict(zip(header, columns, strict=True)), rows, notation=notation)


def _uneven(path: Path, start: int, end: int, fields: Sequence[str], header: Sequence[str]) -> GraphspecError:
    """The error for a row, from line `start` to line `end`, with other fields than the header has."""
    hint = f"the first line names the columns, and is {quoted(header[0])}" if len(header) == 1 else ""
    hint = f"it goes on to line {end}: a quotation mark may be missing" if end > start else hint
    message = f"{path}, row {start}: {len(fields)} fields, the header has {len(header)}"
    return fail("bad-data", message, at=AT, hint=hint)


#: How files begin that are no CSV, whatever they are called: what they are, and the way out.
_OTHERS = {
    b"PK\x03\x04": ("a zip file, as Excel's .xlsx is", "save the sheet as CSV"),
    b"\xd0\xcf\x11\xe0": ("an .xls of Excel's", "save the sheet as CSV"),
    b"\x1f\x8b": ("compressed by gzip", "unpack it"),
    b"PAR1": ("a Parquet file", 'type = "parquet" reads it'),
    b"<": ("a web page or XML", ""),
    b"{": ("JSON", ""),
    b"[": ("JSON", ""),
}


def _check_begin(path: Path, begin: bytes, notation: Notation) -> None:
    """Raise ``GraphspecError`` for a file that begins as no text does, or as one in another encoding."""
    for mark, (what, hint) in _OTHERS.items():
        if begin.startswith(mark):
            raise fail("bad-data", f"{path} is no CSV: it is {what}", at=AT, hint=hint)
    if begin[:2] in (b"\xff\xfe", b"\xfe\xff") and notation.encoding.lower().startswith("utf-8"):
        raise fail("bad-data", f"{path} is written in UTF-16", at=AT, hint='write encoding = "utf-16"')


def _codec(notation: Notation) -> str:
    """Python's, which passes over the mark that programs put before UTF-8."""
    return "utf-8-sig" if notation.encoding.lower().replace("_", "-") == "utf-8" else notation.encoding


def check_header(path: Path, header: Sequence[str], notation: Notation) -> None:
    """Raise ``GraphspecError`` for names that are no names, or that another delimiter separates."""
    check_names(path, header)
    if header and re.fullmatch("sep=.?", header[0]):
        message = f"{path} begins with {quoted(header[0])}, which is Excel's word for its delimiter"
        raise fail("bad-data", message, at=AT, hint="leave that line out")
    if len(header) == 1:
        other = next((mark for mark in _DELIMITERS if mark != notation.delimiter and mark in header[0]), None)
        if other is not None:
            mark = {"\t": "\\t"}.get(other, other)
            message = f"{path} has one column, {quoted(header[0])}: its delimiter is {quoted(mark)}"
            raise fail("bad-data", message, at=AT, hint=f'write delimiter = "{mark}"')
    if len(header) > 1 and all(number(notation.plain(name)) == number(notation.plain(name)) for name in header):
        first = ", ".join(header[:4])
        warn("bad-data", f"{path}: the first line is read as the columns' names, and holds numbers: {first}", at=AT)
