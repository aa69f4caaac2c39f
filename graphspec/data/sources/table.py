"""A table as it was read, whatever its file format: named columns of texts or of numbers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from graphspec.data.sources.cells import PLAIN, Notation, Profile, is_code, is_missing, number, whole
from graphspec.diagnostics import GraphspecError, fail, quoted, suggest, warn

AT = ("data", "dataset")
#: Where the column is named that samples are drawn by.
WEIGHTS = ("data", "sampler", "weights")
MOST_COLUMNS = 10_000


@dataclasses.dataclass(frozen=True)
class Table:
    """Columns of equal length: texts (``""`` where one is missing), or numbers (NaN where one is missing).

    Of columns of ``other`` types, which are those by name, nothing was read: they may be left out, and nothing else.
    Numbers have the dtype that the file gives them. ``rows`` are the rows' numbers as the user counts them. Where the
    file has types (``typed``) they say which columns are numeric; else the texts do, as ``notation`` reads them.
    """

    path: Path
    columns: Mapping[str, Sequence[str] | np.ndarray]
    rows: Sequence[int]
    typed: bool = False
    notation: Notation = PLAIN
    other: Mapping[str, str] = dataclasses.field(default_factory=dict)
    _profiles: dict[str, Profile] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    def cells(self, name: str) -> Sequence[str] | np.ndarray:
        """The column `name`. Raises ``GraphspecError`` where it is neither numbers nor texts."""
        if kind := self.other.get(name):
            message = f"{self.path}: the column {quoted(name)} is of type {kind}, no numbers and no texts"
            hint = f"drop = [{quoted(name)}] leaves it out"
            if kind.startswith(("date", "time", "duration")):
                hint += "; what matters of it stands in columns of numbers: the year, the month, days since a day"
            raise fail("bad-data", message, at=AT, hint=hint)
        return self.columns[name]

    def profile(self, name: str) -> Profile | None:
        """What the cells of a column of texts are; None where the file's types say what they are."""
        values = self.cells(name)
        if self.typed or isinstance(values, np.ndarray):
            return None
        if name not in self._profiles:
            self._profiles[name] = Profile.of(values, self.notation)
        return self._profiles[name]

    def is_numeric(self, name: str) -> bool:
        """Whether every value that is there is a number, and none a code such as 02139."""
        profile = self.profile(name)
        return isinstance(self.cells(name), np.ndarray) if profile is None else profile.numeric

    def numbers(self, name: str, missing: bool = False) -> np.ndarray:
        """The column as float64, NaN in cells that hold nothing where they may be `missing`.

        Raises ``GraphspecError`` at the first value that is no finite number.
        """
        values = self.cells(name)
        if isinstance(values, np.ndarray):
            numbers = values.astype(np.float64)
        else:
            plain = [self.notation.plain(text) for text in values]
            numbers = np.fromiter(map(number, plain), np.float64, len(values))
            if (row := next((row for row, text in enumerate(plain) if is_code(text)), None)) is not None:
                raise self.fault(name, row, f"{quoted(plain[row])} is a code, as it begins with 0, among numbers")
        wrong = np.flatnonzero(~np.isfinite(numbers))
        if missing and len(wrong):
            wrong = np.array([row for row in wrong.tolist() if not _is_gap(values[row])], np.int64)
        if len(wrong):
            row = int(wrong[0])
            if 1 < len(wrong) == len(values) and all(map(_is_gap, values)):
                raise nothing_in(name, f"{self.path}: ")
            raise self.fault(name, row, f"{_shown(values[row])} is no finite number", _MISSING_HINT)
        return numbers

    def wholes(self, name: str) -> list[int]:
        """A numeric column as whole numbers, to the last digit. Raises ``GraphspecError`` at what is none."""
        numbers, values = self.numbers(name), self.cells(name)
        if isinstance(values, np.ndarray) and values.dtype.kind in "biu":
            return [int(value) for value in values.tolist()]
        texts = values if not isinstance(values, np.ndarray) else [f"{value:.17g}" for value in values.tolist()]
        found = [whole(self.notation.plain(text)) for text in texts]
        for row, value in enumerate(found):
            if value is None:
                raise self.fault(name, row, f"{numbers[row]:g} is no whole number, as classes are")
        return [value for value in found if value is not None]

    def texts(self, name: str) -> Sequence[str]:
        """The column as texts; a number reads as Python writes it."""
        values = self.cells(name)
        return [_written(value) for value in values.tolist()] if isinstance(values, np.ndarray) else values

    def complete(self, names: Sequence[str]) -> Table:
        """The rows in which none of the columns `names` is missing; how many are left out is said."""
        gaps = np.zeros(len(self.rows), dtype=bool)
        for name in names:
            of_this = np.fromiter((_is_gap(value) for value in self.cells(name)), bool, len(self.rows))
            if of_this.all():
                raise nothing_in(name, f"{self.path}: ")
            gaps |= of_this
        if not gaps.any():
            return self
        what = f"no {quoted(names[0])}" if len(names) == 1 else "a missing cell"
        message = f"{self.path}: {int(gaps.sum()):,} of {len(gaps):,} rows have {what} and are left out"
        warn("bad-data", message, at=AT)
        kept = np.flatnonzero(~gaps).tolist()
        if not kept:
            raise no_rows(self.path)
        columns = {
            name: values[kept] if isinstance(values, np.ndarray) else [values[row] for row in kept]
            for name, values in self.columns.items()
        }
        return Table(self.path, columns, [self.rows[row] for row in kept], self.typed, self.notation, self.other)

    def required(self, name: str, key: str, at: tuple[str, ...] = ()) -> str:
        """`name`, where there is such a column; `key` is the argument that names it, or it stands `at` a path."""
        if name not in self.columns:
            hint = suggest(name, self.columns) or f"columns: {', '.join(list(self.columns)[:20])}"
            raise fail("bad-data", f"{self.path} has no column {quoted(name)}", at=at or (*AT, key), hint=hint)
        return name

    def place(self, name: str, row: int) -> str:
        """A value by its file, row and column."""
        return f"{self.path}, row {self.rows[row]}, column {quoted(name)}"

    def fault(self, name: str, row: int, message: str, hint: str = "") -> GraphspecError:
        """The error for a value."""
        return fail("bad-data", f"{self.place(name, row)}: {message}", at=AT, hint=hint)


_MISSING_HINT = 'fill it in, or write missing = "drop" (leaves such rows out) or, of a feature, "mean"'


def check_names(path: Path, names: Sequence[str]) -> None:
    """Raise ``GraphspecError`` where there are too many columns, or two of one name."""
    if len(names) > MOST_COLUMNS:
        raise fail("too-large", f"{path} has {len(names):,} columns, at most {MOST_COLUMNS:,} are read", at=AT)
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise fail("bad-data", f"{path} names a column twice: {quoted(twice)}", at=AT)


def nothing_in(name: str, where: str = "", part: str = "") -> GraphspecError:
    """The error for a column without a value."""
    message = f"{where}the column {quoted(name)} has no value{part}"
    return fail("bad-data", message, at=AT, hint=f"drop = [{quoted(name)}] leaves it out")


def no_rows(path: Path) -> GraphspecError:
    """The error for a table without rows."""
    return fail("no-data", f"{path} has no rows", at=AT)


def _is_gap(value: str | float) -> bool:
    return is_missing(value) if isinstance(value, str) else value != value


def _written(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shown(value: str | float) -> str:
    text = "" if isinstance(value, float) and math.isnan(value) else str(value)
    return quoted(text) if text.strip() else "a missing value"
