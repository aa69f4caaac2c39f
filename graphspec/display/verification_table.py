"""The table of what verification measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from graphspec.diagnostics import printable
from graphspec.display.table_look import new_table


def verified(verification: Mapping[str, Any]) -> Table:
    """One row a runtime: its greatest error, scaled by the output's magnitude, also as a share of what was allowed."""
    table = new_table()
    table.add_column("Runtime", overflow="fold")
    for heading in ("Comparisons", "Greatest error", "Of allowed", "Verdict"):
        table.add_column(heading, justify="right")
    for name, row in verification["runtimes"].items():
        error, share = row["scaled_error"], row["error_over_allowed"]
        table.add_row(
            name,
            str(sum(row["comparisons"].values())),
            "" if error is None else f"{error:.1e}",
            "" if share is None else f"{share:.0%}",
            _verdict(row),
        )
    return table


def limits(verification: Mapping[str, Any]) -> list[Text]:
    """A line for each optional runtime that did not run everything, with the first reason; and what numbers decide."""
    rows = verification["runtimes"].items()
    found = [Text(printable(f"{name}: {row['limits'][0]}")) for name, row in rows if row.get("limits")]
    return found + [
        Text(printable(f"not accounted for, only run: {what}")) for what in verification.get("unaccounted", ())
    ]


def _verdict(row: Mapping[str, Any]) -> str:
    """Optional runtimes need not run everything, but what they give must be right."""
    if row["passed"]:
        return "equal"
    if row.get("limits") and not row["faults"]:
        return "equal in part" if sum(row["comparisons"].values()) else "not run"
    return "REFUSED"
