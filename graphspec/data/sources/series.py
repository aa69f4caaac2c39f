"""Series: windows of the past as samples, what comes next as targets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from graphspec.data.memory import check_memory
from graphspec.data.samples import Samples
from graphspec.data.seeds import generator
from graphspec.data.sources.cells import Notation
from graphspec.data.sources.csv_file import read_csv
from graphspec.data.sources.paths import PlainText
from graphspec.data.sources.series_windows import PAST, Series
from graphspec.data.sources.source import Place, Source
from graphspec.data.sources.table import AT
from graphspec.diagnostics import fail


def series(
    place: Place,
    file: str,
    target: PlainText,
    window: int,
    horizon: int = 1,
    season: int = 1,
    delimiter: PlainText = ",",
    decimal: PlainText = ".",
    thousands: PlainText = "",
    encoding: PlainText = "utf-8",
    columns: Sequence[PlainText] | None = None,
    drop: Sequence[PlainText] | None = None,
) -> Source:
    """Windows over the rows of the CSV ``root/file``, in their order: ``columns × window`` numbers of the past, the
    `target` first, and its next `horizon` values.

    Parts are split in time, and no training window reaches into what is validated or tested on; with
    ``split = { group = "station" }`` the rows of one value are a series each, which stay together. `columns` are read
    beside the target, else all but those to `drop`. A naive forecast, the last `season` again, is measured beside.
    """
    table = read_csv(place.root / file, Notation(delimiter, decimal, thousands, encoding))
    table.required(target, "target")
    left_out = {target, place.group, *(table.required(name, "drop") for name in drop or ())}
    others = [table.required(name, "columns") for name in columns or table.columns]
    names = (target, *(name for name in others if name not in left_out))
    form = Series(names, window, horizon, season, table.notation)
    groups = None
    if place.group is not None:
        table.required(place.group, "group", ("data", "split", "group"))
        groups = table.texts(place.group)
    return _source(form, form.values(table), groups)


def seasons(
    place: Place, rows: int = 1500, window: int = 48, horizon: int = 12, season: int = 24, noise: float = 0.1
) -> Source:
    """A made series of `rows` values: a day of 24 steps, a week of seven whose days differ, a slow wave, and noise.

    Windows as those of ``series``, the target called ``load``; `season` is that of the naive forecast.
    """
    if not isinstance(rows, int) or rows < 2:
        raise ValueError(f"rows must be a whole number above 1, not {rows!r}")
    check_memory(f"a series of {rows:,} rows", 8 * 4 * rows)
    time = torch.arange(rows, dtype=torch.float64)
    day, week = 2 * math.pi * time / 24, 2 * math.pi * time / 168
    values = day.sin() * (1 + 0.4 * week.cos()) + 0.4 * (2 * day).cos() + 0.5 * (time / 180).sin()
    values = values + noise * torch.randn(rows, generator=generator(place.seed, "seasons"), dtype=torch.float64)
    return _source(Series(("load",), window, horizon, season), values[None], None)


def _source(form: Series, values: Tensor, groups: Sequence[str] | None) -> Source:
    """The windows of one series, or of one for each of the `groups` of its rows."""
    numbers: dict[str, int] = {}
    of_row = torch.tensor([numbers.setdefault(text, len(numbers)) for text in groups or [""] * values.shape[1]])
    parts = [form.windows(values[:, of_row == group]) for group in range(len(numbers))]
    lengths = [len(part) for part in parts]
    if not sum(lengths):
        least = form.window + form.horizon
        message = f"no series has {least:,} rows, which a window of {form.window:,} and its future take"
        raise fail("no-data", message, at=AT, hint="a shorter window or horizon fits shorter series")
    samples = Samples(
        {PAST: torch.cat([part.inputs[PAST] for part in parts])},
        {name: torch.cat([part.targets[name] for part in parts]) for name in parts[0].targets},
    )
    times = torch.cat([torch.arange(length) for length in lengths])
    of_window = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    return Source(
        samples,
        groups=None if groups is None else of_window,
        times=times,
        gap=form.horizon - 1,
        series=form,
        in_order=True,
    )
