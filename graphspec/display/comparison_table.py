"""The tables of what is different between two networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table

from graphspec.diagnostics import printable
from graphspec.display.layer_table import MOST_ROWS

if TYPE_CHECKING:
    from graphspec.comparing.compare import Comparison


def compared(comparison: Comparison) -> Iterator[Table]:
    """One table a kind of difference; none where the networks are equal."""
    from graphspec.comparing.page import tables

    for name, rows in tables(comparison):
        table = Table(title=name, title_justify="left", box=None)
        for column in rows[0]:
            table.add_column(column)
        for row in rows[:MOST_ROWS]:
            table.add_row(*map(printable, row.values()))
        if len(rows) > MOST_ROWS:
            table.add_row(f"… {len(rows) - MOST_ROWS:,} more; --json and -o have all", *[""] * (len(rows[0]) - 1))
        yield table
