"""The table of what verification measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from graphspec.diagnostics import printable
from graphspec.display.table_look import new_table


def verified(verification: Mapping[str, Any]) -> Table:
    """One row a runtime."""
    # imported here: it brings torch, which asking for help does not need
    from graphspec.exporting.bundle.verification_rows import HEADINGS, verification_rows

    table = new_table()
    first, *others = HEADINGS
    table.add_column(first, overflow="fold")
    for heading in others:
        table.add_column(heading, justify="right")
    for row in verification_rows(verification):
        table.add_row(*row)
    return table


def limits(verification: Mapping[str, Any]) -> list[Text]:
    """A line for each optional runtime that did not run everything, with the first reason; and what numbers decide."""
    rows = verification["runtimes"].items()
    found = [Text(printable(f"{name}: {row['limits'][0]}")) for name, row in rows if row.get("limits")]
    return found + [
        Text(printable(f"not accounted for, only run: {what}")) for what in verification.get("unaccounted", ())
    ]
