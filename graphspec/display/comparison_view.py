"""What is different between two networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from graphspec.comparing.text import summary
from graphspec.display.comparison_table import compared
from graphspec.display.html import Part

if TYPE_CHECKING:
    from graphspec.comparing.compare import Comparison


@dataclasses.dataclass(frozen=True, slots=True)
class ComparisonView:
    """A sentence, then a table a kind of difference."""

    comparison: Comparison

    @property
    def title(self) -> str:
        return ""

    def lines(self) -> list[str]:
        return [f"Comparison: {summary(self.comparison)}"]

    def parts(self) -> Iterator[Part]:
        yield summary(self.comparison)
        yield from compared(self.comparison)
