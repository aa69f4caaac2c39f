"""An inspection in a notebook."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from graphspec.diagnostics import printable
from graphspec.display.html import Part, wrong
from graphspec.display.inspection_table import table, totals

if TYPE_CHECKING:
    from graphspec.inspecting import Inspection


@dataclasses.dataclass(frozen=True, slots=True)
class InspectionView:
    """One step, layer by layer; findings first."""

    found: Inspection

    @property
    def title(self) -> str:
        return f"{self.found.name}, one step"

    def lines(self) -> list[str]:
        found = self.found
        said = f"loss {found.loss:.4g}, after the step {found.after:.4g}"
        rows = [f"  {printable(str(finding))}" for finding in found.findings] or ["  nothing wrong was found"]
        return [f"Inspection of {printable(found.name)}: {said}", *rows]

    def parts(self) -> Iterator[Part]:
        for finding in self.found.findings:
            yield wrong(printable(str(finding)))
        if self.found.healthy:
            yield "Nothing wrong was found in this step."
        yield table(self.found)
        yield from totals(self.found)
