"""What a check gives: a row a criterion."""

from __future__ import annotations

import dataclasses
from typing import Any

from graphspec.system.shown import Shown


@dataclasses.dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that was asked: what is ``wanted``, what was ``found``, and where to look (``hint``) if it differs."""

    name: str
    wanted: str
    found: str
    passed: bool
    hint: str = ""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Grade(Shown):
    """The network ``work``, judged by the network ``against``; what could not be judged any more is no row."""

    work: str
    against: str
    criteria: tuple[Criterion, ...]

    @property
    def passed(self) -> bool:
        """Whether every criterion is met."""
        return all(criterion.passed for criterion in self.criteria)

    def as_dict(self) -> dict[str, Any]:
        """The same as data, for ``--json``."""
        return {"passed": self.passed, **dataclasses.asdict(self)}
