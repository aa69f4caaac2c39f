"""Series: windows of the past as samples, what comes next as targets."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from graphspec.data.memory import check_memory
from graphspec.data.samples import Samples
from graphspec.data.seeds import generator
from graphspec.data.sources.cells import Notation
from graphspec.data.sources.csv_file import read_csv
from graphspec.data.sources.paths import PlainText
from graphspec.data.sources.series_times import Times
from graphspec.data.sources.series_windows import PAST, Series
from graphspec.data.sources.source import Place, Source
from graphspec.data.sources.table import AT, Table
from graphspec.diagnostics import fail, quoted, warn


def series(
    place: Place,
    file: str,
    target: PlainText | Sequence[PlainText],
    window: int,
    horizon: int = 1,
    season: int = 1,
    time: PlainText = "",
    group: PlainText = "",
    delimiter: PlainText = ",",
    decimal: PlainText = ".",
    thousands: PlainText = "",
    encoding: PlainText = "utf-8",
    columns: Sequence[PlainText] | None = None,
    drop: Sequence[PlainText] | None = None,
) -> Source:
    """Windows over the rows of the CSV ``root/file``, in their order: ``columns × window`` numbers of the past, the
    `target` first, and its next `horizon` values; of several targets each is a field of its own.

    The rows of each text in the column `group` are a series of their own. `time` names a column of dates or numbers:
    windows with a gap in it are left out, which is said, and parts are split by it. Parts are split in time, and no
    training window reaches into what is validated or tested on; with ``split = { group = "station" }`` the series of
    one value stay together. `columns` are read beside the target, else all but those to `drop`. A naive forecast, the
    last `season` again, is measured beside.
    """
    table = read_csv(place.root / file, Notation(delimiter, decimal, thousands, encoding))
    targets = (target,) if isinstance(target, str) else tuple(target)
    if not targets or len(set(targets)) < len(targets):
        raise ValueError("target is a column, or a list of columns, each once")
    named = {"target": targets, "drop": drop or (), "columns": columns or (), "time": (time,), "group": (group,)}
    for key, names in named.items():
        for name in filter(None, names):
            table.required(name, key)
    if place.group is not None:
        table.required(place.group, "group", ("data", "split", "group"))
    left_out = {*targets, place.group, time, group, *(drop or ())}
    names = (*targets, *(name for name in dict.fromkeys(columns or table.columns) if name not in left_out))
    form = Series(names, window, horizon, season, table.notation, targets, group, time)
    return _of_table(form, table, place.group)


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
    return _source(Series(("load",), window, horizon, season, targets=("load",)), values[None], Rows.of_one(rows))


def _of_table(form: Series, table: Table, apart: str | None) -> Source:
    """The windows of `table`, whose series of one text in the column `apart` are to stay in one part."""
    values, rows = form.values(table), Rows.of(form, table, apart)
    if rows.times is None:
        return _source(form, values, rows)
    gaps = rows.times.gaps(rows.series)
    source = _source(dataclasses.replace(form, unit=rows.times.unit), values, rows)
    if len(gaps):
        whole = _count(form, rows)
        left_out, many = whole - len(source.train), f"{len(gaps):,} gaps" if len(gaps) > 1 else "a gap"
        place = table.place(form.time, int(gaps[0]))
        message = f"{many} in time, {'the first ' if len(gaps) > 1 else ''}before {place}: "
        warn("bad-data", f"{message}{left_out:,} of {whole:,} windows lie across and are left out", at=AT)
    return source


def _count(form: Series, rows: Rows) -> int:
    """How many windows there would be without gaps."""
    lengths = rows.series.unique(return_counts=True)[1]
    return int((lengths - form.window - form.horizon + 1).clamp(min=0).sum())


@dataclasses.dataclass(frozen=True, slots=True)
class Rows:
    """Of each row of a table: the number of its series, its step in time, and the number of what has to stay in one
    part with it (all ``rows`` int64), None where nothing has.
    """

    series: Tensor
    steps: Tensor
    apart: Tensor | None = None
    times: Times | None = None

    @classmethod
    def of_one(cls, count: int) -> Rows:
        """`count` rows of one series."""
        return cls(torch.zeros(count, dtype=torch.int64), torch.arange(count))

    @classmethod
    def of(cls, form: Series, table: Table, apart: str | None = None) -> Rows:
        """Those of `table`; where no column says when, all series begin at one time."""
        keys = [table.texts(name) for name in (form.group, apart) if name]
        series = _numbered(list(zip(*keys, strict=True)) if keys else [()] * len(table.rows))
        kept = _numbered(table.texts(apart)) if apart else None
        if form.time:
            times = Times.of(table, form.time, series)
            return cls(series, times.steps, kept, times)
        steps = torch.empty_like(series)
        for inside in _each(series):
            steps[inside] = torch.arange(len(inside))
        return cls(series, steps, kept)

    def each(self) -> tuple[Tensor, ...]:
        """The rows (int64) of one series after another, in their order."""
        return _each(self.series)


def _each(series: Tensor) -> tuple[Tensor, ...]:
    """The rows of each number in `series`: one sort, however many there are."""
    return series.argsort(stable=True).split(series.bincount().tolist())


def _numbered(keys: Sequence[Hashable]) -> Tensor:
    """`keys` numbered in the order in which they come."""
    numbers: dict[Hashable, int] = {}
    return torch.tensor([numbers.setdefault(key, len(numbers)) for key in keys])


def _source(form: Series, values: Tensor, rows: Rows) -> Source:
    """The windows of each series of the `values`, ``columns × rows``."""
    found, times, kept = [], [], []
    for inside in rows.each():
        part, steps = form.windows(values[:, inside], rows.steps[inside])
        found.append(part)
        times.append(steps)
        kept.append((rows.series if rows.apart is None else rows.apart)[inside][:1].expand(len(part)))
    if not sum(map(len, found)):
        least, apart = form.window + form.horizon, " without a gap between them" if form.time else ""
        message = f"no series has {least:,} rows{apart}, which a window of {form.window:,} and its future take"
        raise fail("no-data", message, at=AT, hint="a shorter window or horizon fits shorter series")
    samples = Samples(
        {PAST: torch.cat([part.inputs[PAST] for part in found])},
        {name: torch.cat([part.targets[name] for part in found]) for name in form.targets},
    )
    groups = None if rows.apart is None else torch.cat(kept)
    return Source(samples, groups=groups, times=torch.cat(times), gap=form.horizon - 1, series=form, in_order=True)


def latest(form: Series, table: Table) -> tuple[list[str], Tensor]:
    """The last window of each series of `table`, ``N × columns × window``, and what each series is called.

    Series with too few rows are left out, which is said. Raises ``GraphspecError`` where none is left, or one has a gap
    in its window.
    """
    for name in filter(None, (form.group, form.time)):
        table.required(name, "columns")
    values, rows = form.values(table), Rows.of(form, table)
    called, found, short = [], [], []
    names = table.texts(form.group) if form.group else ()
    for each in rows.each():
        inside = each[-form.window :]
        name = names[int(inside[0])] if names else ""
        if len(inside) < form.window:
            short.append(f"{form.group} {quoted(name)}".strip() if form.group else quoted(table.path))
            continue
        if rows.times is not None and (apart := rows.steps[inside].diff() > 1).any():
            row = int(inside[1:][apart][-1])
            message = f"a gap in time lies before this row, within the last {form.window:,}"
            raise table.fault(form.time, row, message)
        called.append(name)
        found.append(values[:, inside])
    message = f"{', '.join(short[:5])}{' …' if len(short) > 5 else ''}: fewer than the {form.window:,} rows of a window"
    if not found:
        raise fail("shape-mismatch", message)
    if short:
        warn("bad-data", f"{message}: no forecast", at=AT)
    return called, torch.stack(found)
