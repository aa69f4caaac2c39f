"""What the windows of a series are: columns, lengths, and the naive forecast that they are measured against."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from graphspec.data.memory import check_memory
from graphspec.data.samples import Samples
from graphspec.data.sources.cells import PLAIN, Notation
from graphspec.data.sources.table import Table
from graphspec.diagnostics import quoted

#: The input that windows are.
PAST = "past"


@dataclasses.dataclass(frozen=True, slots=True)
class Series:
    """``window`` rows of the ``columns``, the target first, from which the target's next ``horizon`` are forecast;
    ``season`` rows lie between a value and the one that the naive forecast takes for it.
    """

    columns: tuple[str, ...]
    window: int
    horizon: int
    season: int = 1
    notation: Notation = PLAIN

    def __post_init__(self) -> None:
        for name, value in (("window", self.window), ("horizon", self.horizon), ("season", self.season)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be a whole number above 0, not {value!r}")
        if self.season > self.window:
            raise ValueError(f"season = {self.season} is more than the window of {self.window}")

    def values(self, table: Table) -> Tensor:
        """The columns of `table`, ``columns × rows`` float64."""
        for name in self.columns:
            table.required(name, "columns")
            if not table.is_numeric(name):
                row = table.texts(name)[0]
                hint = f"drop = [{quoted(name)}] leaves it out"
                raise table.fault(name, 0, f"{quoted(row)} is no number, and windows are of numbers", hint)
        return torch.stack([torch.from_numpy(table.numbers(name)) for name in self.columns])

    def windows(self, values: Tensor) -> Samples:
        """Every window of ``columns × rows`` that has its whole future: ``N × columns × window``, ``N × horizon``."""
        count = max(0, values.shape[1] - self.window - self.horizon + 1)
        check_memory("the windows of the series", 8 * count * (len(values) * self.window + self.horizon))
        if not count:
            empty = torch.zeros(0, len(values), self.window, dtype=torch.float64)
            return Samples({PAST: empty}, {self.columns[0]: torch.zeros(0, self.horizon, dtype=torch.float64)})
        past = values.unfold(1, self.window, 1)[:, :count].transpose(0, 1).contiguous()
        future = values[0, self.window :].unfold(0, self.horizon, 1).contiguous()
        return Samples({PAST: past}, {self.columns[0]: future})

    def naive(self, past: Tensor) -> Tensor:
        """The forecast that repeats the last season of the target, of ``N × columns × window``: ``N × horizon``."""
        steps = [self.window - self.season + step % self.season for step in range(self.horizon)]
        return past[:, 0, steps]

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, noted: Mapping[str, Any]) -> Series:
        """The reverse of :meth:`as_dict`. Raises ``TypeError``, ``KeyError`` or ``ValueError`` for anything else."""
        names = tuple(map(str, noted["columns"]))
        return cls(names, noted["window"], noted["horizon"], noted["season"], Notation(**noted["notation"]))
