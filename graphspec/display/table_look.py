"""The one look of all tables: a line under the headings, two spaces between columns."""

from __future__ import annotations

from rich import box
from rich.table import Table


def new_table() -> Table:
    """An empty table, to be given columns."""
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
