"""What the windows of a series are: columns, lengths, and the naive forecast that they are measured against."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from graphspec.data.memory import check_memory
from graphspec.data.samples import Samples
from graphspec.data.sources.cells import PLAIN, Notation, kind_of_time
from graphspec.data.sources.table import Table
from graphspec.diagnostics import quoted

#: The input that windows are.
PAST = "past"


@dataclasses.dataclass(frozen=True, slots=True)
class Series:
    """``window`` rows of the ``columns``, the ``targets`` first, from which their next ``horizon`` are forecast;
    ``season`` rows lie between a value and the one that the naive forecast takes for it.

    The rows of each text of ``group`` are a series of their own; ``time`` names the column that says when a row was,
    in steps of ``unit``. Both are empty where there is no such column.
    """

    columns: tuple[str, ...]
    window: int
    horizon: int
    season: int = 1
    notation: Notation = PLAIN
    targets: tuple[str, ...] = ()
    group: str = ""
    time: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        for name, value in (("window", self.window), ("horizon", self.horizon), ("season", self.season)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be a whole number above 0, not {value!r}")
        if self.season > self.window:
            raise ValueError(f"season = {self.season} is more than the window of {self.window}")
        if self.columns[: len(self.targets)] != self.targets or len(set(self.columns)) < len(self.columns):
            raise ValueError(f"the targets {', '.join(self.targets)} are not the first of {', '.join(self.columns)}")

    def values(self, table: Table) -> Tensor:
        """The columns of `table`, ``columns × rows`` float64."""
        for name in self.columns:
            table.required(name, "columns")
            if not table.is_numeric(name):
                row = table.texts(name)[0]
                times = {"a date": f"time = {quoted(name)} says that rows were then, "}.get(kind_of_time([row]), "")
                hint = f"{times}drop = [{quoted(name)}] leaves it out, group = {quoted(name)} makes a series of each"
                raise table.fault(name, 0, f"{quoted(row)} is no number, and windows are of numbers", hint)
        return torch.stack([torch.from_numpy(table.numbers(name)) for name in self.columns])

    def windows(self, values: Tensor, steps: Tensor) -> tuple[Samples, Tensor]:
        """The windows of ``columns × rows`` that have their whole future: ``N × columns × window``, and ``N × horizon``
        for each target; and the step (``N`` int64) of each window's last row, of the `steps` of all rows.

        Those with a gap in their steps are left out.
        """
        reach = self.window + self.horizon
        count = max(0, values.shape[1] - reach + 1)
        check_memory(
            "the windows of the series", 8 * count * (len(values) * self.window + len(self.targets) * self.horizon)
        )
        if not count:
            future = {name: torch.zeros(0, self.horizon, dtype=torch.float64) for name in self.targets}
            return Samples({PAST: torch.zeros(0, len(values), self.window, dtype=torch.float64)}, future), steps[:0]
        whole = steps[reach - 1 :] - steps[:count] == reach - 1
        past = values.unfold(1, self.window, 1)[:, :count].transpose(0, 1)[whole].contiguous()
        future = {
            name: values[row, self.window :].unfold(0, self.horizon, 1)[whole].contiguous()
            for row, name in enumerate(self.targets)
        }
        return Samples({PAST: past}, future), steps[self.window - 1 :][:count][whole]

    def naive(self, past: Tensor) -> dict[str, Tensor]:
        """The forecast of each target that repeats its last season, of ``N × columns × window``: ``N × horizon``."""
        steps = [self.window - self.season + step % self.season for step in range(self.horizon)]
        return {name: past[:, row, steps] for row, name in enumerate(self.targets)}

    def lines(self) -> list[str]:
        """What was decided about each column, a line each."""
        ahead = f"{self.horizon:,} {'rows' if self.horizon > 1 else 'row'}"
        known = f"its last {self.window:,} are known"
        said = [f"column {quoted(name)}: its next {ahead} are forecast, {known}" for name in self.targets]
        said += [f"column {quoted(name)}: {known}" for name in self.columns[len(self.targets) :]]
        said += [f"column {quoted(self.group)}: the rows of each text are a series of their own"] if self.group else []
        when = f"column {quoted(self.time)}: says when, in steps of {self.unit}"
        return [*said, when if self.time else "no column says when: rows follow each other at equal steps"]

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, noted: Mapping[str, Any]) -> Series:
        """The reverse of :meth:`as_dict`. Raises ``TypeError``, ``KeyError`` or ``ValueError`` for anything else."""
        names = tuple(map(str, noted["columns"]))
        targets = tuple(map(str, noted.get("targets") or names[:1]))
        words = {key: str(noted.get(key, "")) for key in ("group", "time", "unit")}
        notation = Notation(**noted["notation"])
        return cls(names, noted["window"], noted["horizon"], noted["season"], notation, targets, **words)
