"""A grade in a notebook."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from graphspec.diagnostics import printable
from graphspec.display.grade_table import table, verdict
from graphspec.display.html import Part, wrong

if TYPE_CHECKING:
    from graphspec.grading import Grade


@dataclasses.dataclass(frozen=True, slots=True)
class GradeView:
    """The verdict, a table of criteria, hints."""

    grade: Grade

    @property
    def title(self) -> str:
        return ""

    def lines(self) -> list[str]:
        marks = {True: "✓", False: "✗"}
        rows = [f"  {marks[row.passed]} {row.name}: {row.found}, wanted {row.wanted}" for row in self.grade.criteria]
        hints = [f"  {row.name}: {row.hint}" for row in self.grade.criteria if row.hint]
        return [verdict(self.grade), *map(printable, [*rows, *hints])]

    def parts(self) -> Iterator[Part]:
        yield verdict(self.grade) if self.grade.passed else wrong(verdict(self.grade))
        yield table(self.grade)
        for row in self.grade.criteria:
            if row.hint:
                yield f"{printable(row.name)}: {printable(row.hint)}"
