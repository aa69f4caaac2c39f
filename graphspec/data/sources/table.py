"""A table as it was read, whatever its file format: named columns of texts or of numbers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from graphspec.diagnostics import GraphspecError, fail, quoted

AT = ("data", "dataset")
MOST_COLUMNS = 10_000


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length: texts (``""`` where one is missing), or float64 numbers (NaN where one is missing).

    ``rows`` are the rows' numbers as the user counts them. Where the file has types (``typed``) they say which columns
    are numeric; else a column is numeric whose texts are all numbers.
    """

    path: Path
    columns: Mapping[str, Sequence[str] | np.ndarray]
    rows: Sequence[int]
    typed: bool = False

    def is_numeric(self, name: str) -> bool:
        """Whether every value that is there is a number."""
        values = self.columns[name]
        return isinstance(values, np.ndarray) or (not self.typed and all(map(_is_number, values)))

    def numbers(self, name: str) -> np.ndarray:
        """The column as float64. Raises ``GraphspecError`` at the first value that is no finite number."""
        values = self.columns[name]
        numbers = values if isinstance(values, np.ndarray) else np.array([_number(text) for text in values])
        wrong = np.flatnonzero(~np.isfinite(numbers))
        if len(wrong):
            row = int(wrong[0])
            raise self.fault(name, row, f"{_shown(values[row])} is no finite number")
        return numbers

    def texts(self, name: str) -> Sequence[str]:
        """The column as texts; a number reads as Python writes it."""
        values = self.columns[name]
        return [f"{value:g}" for value in values] if isinstance(values, np.ndarray) else values

    def only_text(self, name: str) -> int | None:
        """The row of the one value of a column of texts that is no number; None where there are more."""
        values = self.columns[name]
        texts = [] if self.typed else [i for i, v in enumerate(values) if not _is_number(v)]
        return texts[0] if len(texts) == 1 < len(values) else None

    def place(self, name: str, row: int) -> str:
        """A value by its file, row and column."""
        return f"{self.path}, row {self.rows[row]}, column {quoted(name)}"

    def fault(self, name: str, row: int, message: str) -> GraphspecError:
        """The error for a value."""
        return fail("bad-data", f"{self.place(name, row)}: {message}", at=AT)


def check_names(path: Path, names: Sequence[str]) -> None:
    """Raise ``GraphspecError`` where there are too many columns, or two of one name."""
    if len(names) > MOST_COLUMNS:
        raise fail("too-large", f"{path} has {len(names):,} columns, at most {MOST_COLUMNS:,} are read", at=AT)
    if len(set(names)) < len(names):
        raise fail("bad-data", f"{path} names a column twice", at=AT)


def missing_file(path: Path) -> GraphspecError:
    """The error for a table that is not there."""
    return fail("no-such-file", f"{path} does not exist", at=(*AT, "file"), hint="--data DIR names another folder")


def no_rows(path: Path) -> GraphspecError:
    """The error for a table without rows."""
    return fail("no-data", f"{path} has no rows", at=AT)


def _is_number(text: str) -> bool:
    return not text.strip() or not math.isnan(_number(text)) or text.strip().lower().lstrip("+-") == "nan"


def _number(text: str) -> float:
    """`text` as a number, NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _shown(value: str | float) -> str:
    text = "" if isinstance(value, float) and math.isnan(value) else str(value)
    return quoted(text) if text.strip() else "a missing value"
