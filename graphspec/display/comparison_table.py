"""The tables of what is different between two networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table

from graphspec.diagnostics import printable
from graphspec.display.layer_table import MOST_ROWS
from graphspec.display.table_look import new_table

if TYPE_CHECKING:
    from graphspec.comparing.compare import Comparison


def compared(comparison: Comparison) -> Iterator[Table]:
    """One table a kind of difference; none where the networks are equal."""
    from graphspec.comparing.text import tables

    for found in tables(comparison):
        table = new_table()
        table.title, table.title_justify = found.title, "left"
        for column in found.headings:
            table.add_column(column, overflow="fold")
        for cells, kind in zip(found.rows[:MOST_ROWS], found.kinds, strict=False):
            table.add_row(*map(printable, cells), style="dim" if kind == "downstream" else None)
        if len(found.rows) > MOST_ROWS:
            more = f"… {len(found.rows) - MOST_ROWS:,} more; --json and -o have all"
            table.add_row(more, *[""] * (len(found.headings) - 1))
        yield table
