"""When the rows of a series were: a column of dates or numbers as steps of one length, and the gaps in them."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence

import torch
from torch import Tensor

from graphspec.data.sources.table import AT, Table
from graphspec.diagnostics import fail, quoted

#: How far from a whole step a row may be, as numbers are written with few digits.
_OFF = 1e-3
_HINT = "leave time out where rows follow each other whatever lies between"
#: The words for steps: of seconds, of months, and of numbers, whose unit nobody knows.
_UNITS = {
    "seconds": ((7 * 86_400, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")),
    "months": ((12, "year"), (1, "month")),
    "numbers": (),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Times:
    """``steps`` (``rows`` int64) count from the earliest row of all series on; ``unit`` is the length of one."""

    steps: Tensor
    unit: str

    @classmethod
    def of(cls, table: Table, name: str, of_row: Tensor) -> Times:
        """The column `name` of `table`, whose rows belong to the series that `of_row` (``rows`` int64) numbers.

        Raises ``GraphspecError`` for what is no time, for a row that is not after the one before it in its series, and
        for one that is not whole steps after the first.
        """
        values, kind = _values(table, name)
        apart, rows = _apart(values, of_row)
        if len(apart) and float(apart.min()) <= 0:
            raise _not_after(table, name, int(rows[int(apart.argmin())]), bool((apart == 0).any()))
        step = _most_frequent(apart) if len(apart) else 1.0
        exact = (values - values.min()) / step
        steps = exact.round()
        wrong = ((exact - steps).abs() > _OFF).nonzero()
        if len(wrong):
            row = int(wrong[0])
            message = f"{quoted(table.texts(name)[row])} is no whole number of steps of {_word(step, kind)} after"
            raise table.fault(name, row, f"{message} the earliest row", _HINT)
        return cls(steps.to(torch.int64), _word(step, kind))

    def gaps(self, of_row: Tensor) -> Tensor:
        """The rows (int64) behind a gap in their series."""
        apart, rows = _apart(self.steps, of_row)
        return rows[apart > 1]


def _apart(values: Tensor, of_row: Tensor) -> tuple[Tensor, Tensor]:
    """How far each row that is not the first of its series is from the one before it, and which row it is."""
    order = of_row.argsort(stable=True)
    same = of_row[order].diff() == 0
    return values[order].diff()[same], order[1:][same]


def _not_after(table: Table, name: str, row: int, twice: bool) -> Exception:
    text = quoted(table.texts(name)[row])
    hint = 'group = "…" names the column that tells series apart' if twice else "sort the rows by it"
    return table.fault(name, row, f"{text} is not after the row before it", hint)


def _most_frequent(apart: Tensor) -> float:
    """The step that most rows are apart, of equally frequent ones the least; numbers of few digits are rounded."""
    middle = float(apart.median())
    sizes, counts = (apart / middle).round(decimals=6).unique(return_counts=True)
    return float(sizes[int(counts.argmax())]) * middle


def _values(table: Table, name: str) -> tuple[Tensor, str]:
    """The column in float64, and in which of the units: months where rows are months apart, else seconds of dates."""
    if table.is_numeric(name):
        return torch.from_numpy(table.numbers(name)), "numbers"
    dates = [_date(table, name, row, text) for row, text in enumerate(table.texts(name))]
    if len({each.tzinfo is None for each in dates}) > 1:
        raise fail("bad-data", f"{table.path}: some of {quoted(name)} have a time zone and some have none", at=AT)
    if _are_months(dates):
        return torch.tensor([12 * each.year + each.month for each in dates], dtype=torch.float64), "months"
    start = datetime.datetime(1970, 1, 1, tzinfo=None if dates[0].tzinfo is None else datetime.UTC)
    return torch.tensor([(each - start).total_seconds() for each in dates], dtype=torch.float64), "seconds"


def _date(table: Table, name: str, row: int, text: str) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(text.strip())
    except ValueError as error:
        message = f"{quoted(text)} is no time: dates are written as 2026-11-27 or 2026-11-27 18:30, others are numbers"
        raise table.fault(name, row, message) from error


def _are_months(dates: Sequence[datetime.datetime]) -> bool:
    """Whether all are of one day of the month, or of the last, at one time of day, and in more than one month."""
    days, day = {each.day for each in dates}, datetime.timedelta(days=1)
    same = len(days) == 1 or all((each + day).day == 1 for each in dates)
    return same and len({each.timetz() for each in dates}) == 1 and len({(d.year, d.month) for d in dates}) > 1


def _word(step: float, kind: str) -> str:
    """A step's length, in the greatest unit that it is whole numbers of: ``2 hours``."""
    size, word = next(((size, word) for size, word in _UNITS[kind] if step % size == 0), (1, ""))
    count = step / size
    return f"{count:g} {word}{'s' * (count != 1)}" if word else f"{count:g}"
