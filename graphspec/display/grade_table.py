"""What ``graphspec check`` shows: a row a criterion, then hints and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from graphspec.diagnostics import printable
from graphspec.display.table_look import new_table

if TYPE_CHECKING:
    from graphspec.grading import Grade


def graded(grade: Grade) -> Iterator[RenderableType]:
    """The table, a line for each hint, and whether all is met."""
    yield table(grade)
    yield ""
    for criterion in grade.criteria:
        if criterion.hint:
            yield Text(f"{printable(criterion.name)}: {printable(criterion.hint)}")
    yield Text(verdict(grade))


def table(grade: Grade) -> Table:
    """A row a criterion."""
    shown = new_table()
    for heading in ("", "Criterion", "Wanted", "Found"):
        shown.add_column(heading, overflow="fold")
    for row in grade.criteria:
        cells = map(printable, (row.name, row.wanted, row.found))
        shown.add_row("✓" if row.passed else "✗", *cells, style="" if row.passed else "bold")
    return shown


def verdict(grade: Grade) -> str:
    """One sentence."""
    failed = [criterion.name for criterion in grade.criteria if not criterion.passed]
    if not failed:
        return f"{printable(grade.work)} passed."
    return f"{printable(grade.work)} did not pass: {', '.join(map(printable, failed))}."
