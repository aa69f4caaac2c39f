"""What is said of a training table's columns, and refused: units, dates, codes, gaps, columns that tell nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from graphspec.data.sources.cells import is_missing, kind_of_time, other_notation, unit_of
from graphspec.data.sources.column import Column
from graphspec.data.sources.table import AT, MOST_COLUMNS, Table, nothing_in
from graphspec.diagnostics import fail, quoted, warn

#: Rows from which on a column that counts them, or has another text in each, is no accident.
_FEW_ROWS = 20
#: Fewer different texts than this that end in a word are names; a sign as % or $ is none.
_FEW_AMOUNTS = 10


def check_width(table: Table, columns: Sequence[Column]) -> None:
    """Refuse more one-hot features than there may be columns."""
    coded = [column for column in columns if column.categories is not None and not column.ids]
    if (width := sum(column.width for column in coded)) > MOST_COLUMNS:
        widest = max(coded, key=lambda column: column.width)
        message = f"{table.path}: its columns of texts give {width:,} features, at most {MOST_COLUMNS:,} are made"
        hint = f"{_drop(widest.name)}, which has {widest.width:,} different texts"
        raise fail("too-large", message, at=AT, hint=hint)


def check_texts(table: Table, name: str, categories: Sequence[str], goal: bool, filled: bool) -> None:
    """Refuse a column of numbers in another notation, and of dates; say where one that is read as texts may be meant as
    numbers, or where texts may be meant as one.
    """
    texts, profile = table.texts(name), table.profile(name)
    if profile is not None:
        hint = "" if profile.codes else other_notation([texts[row] for row in profile.texts])
        if hint:
            row = profile.texts[0]
            raise table.fault(name, row, f"{quoted(texts[row])} is no number as this table writes them", hint)
        present = len(texts) - len(profile.missing)
        if profile.codes and not profile.texts:
            row = profile.codes[0]
            message = f"{table.place(name, row)}: {quoted(texts[row])} begins with 0, so the column is read as codes"
            warn("bad-data", message, at=AT, hint="each is a text of its own")
        elif 2 * profile.numbers > present:
            row = profile.texts[0]
            many = "this one value makes" if len(profile.texts) == 1 else f"it and {len(profile.texts) - 1:,} more make"
            warn("bad-data", f"{table.place(name, row)}: {many} a column of texts: {quoted(texts[row])}", at=AT)
    missing = [row for row, text in enumerate(texts) if is_missing(text)]
    if time := kind_of_time(known := [text for text in categories if not is_missing(text)]):
        row, part = texts.index(known[0]), "target" if goal else "feature"
        raise table.fault(name, row, f"{quoted(texts[row])} is {time}, which is no {part}", time_hint(name, time, goal))
    if missing and not filled and not (goal and not all(texts[row].strip() for row in missing)):  # refused when read
        many, text = f"{len(missing):,} cells are" if len(missing) > 1 else "a cell is", texts[missing[0]]
        what = quoted(text) if text.strip() else "empty"
        hint = 'missing = "drop" leaves the rows out'
        hint = hint if goal else f'missing = "most_frequent" fills them, {hint}'
        message = f"{table.place(name, missing[0])}: {many} {what}, which is taken for a text of its own"
        warn("bad-data", message, at=AT, hint=hint)
    _check_alike(table, name, categories)
    _check_unit(table, name, categories)


def time_hint(name: str, time: str, goal: bool = False) -> str:
    """What to do with a column of dates, or of times of day."""
    parts = "the year, the month, days since a day" if time == "a date" else "hours since midnight"
    return f"{'' if goal else f'{_drop(name)}; '}what matters of it stands in columns of numbers: {parts}"


def _check_alike(table: Table, name: str, categories: Sequence[str]) -> None:
    """Say where texts that are different ones differ in white space or case alone."""
    seen: dict[str, str] = {}
    for text in categories:
        other = seen.setdefault(" ".join(unicodedata.normalize("NFKC", text).split()).casefold(), text)
        if other != text:
            message = (
                f"{table.path}: {quoted(other)} and {quoted(text)} are different texts in the column {quoted(name)}"
            )
            warn("bad-data", message, at=AT, hint="write them alike if they are meant to be one")
            return


def _check_unit(table: Table, name: str, categories: Sequence[str]) -> None:
    """Say where texts are numbers, all with one unit."""
    unit = unit_of(categories)
    if unit and (len(categories) > _FEW_AMOUNTS or not unit.isalpha()):
        text = table.texts(name)[0]
        message = f"{table.place(name, 0)}: {quoted(text)} is a number with a unit, and the column is read as texts"
        warn("bad-data", message, at=AT, hint=f"write the numbers without {quoted(unit)} if they are meant")


def check_feature(table: Table, column: Column, filled: bool) -> None:
    """Say where a column counts the rows, or is another text in every row: it tells nothing of other rows."""
    count, name = len(table.rows), column.name
    if count < _FEW_ROWS:
        return
    if column.categories is not None:
        if len(column.categories) == count:
            warn("bad-data", f"{table.path}: the column {quoted(name)} has another text in every row", AT, _drop(name))
        return
    values = np.sort(table.numbers(name, missing=filled))
    if np.isnan(values).all():
        raise nothing_in(name, f"{table.path}: ")
    _check_for_codes(table, name, values[~np.isnan(values)])
    if values[0] in (0, 1) and np.array_equal(values, np.arange(values[0], values[0] + count)):
        what = f"the column {quoted(name)}" if name.strip() else 'the column without a name, "",'
        warn("bad-data", f"{table.path}: {what} counts the rows and is read as a feature", AT, _drop(name))


def _check_for_codes(table: Table, name: str, values: np.ndarray) -> None:
    """Say where the least, or the greatest, of the ascending `values` is written in nines, comes again, and lies as far
    from the others as they do from each other: such codes stand for cells that are missing.
    """
    for code, others in ((values[0], values[values > values[0]]), (values[-1], values[values < values[-1]])):
        nines = re.fullmatch(r"-?9{2,}(\.9+)?", f"{code:.12g}")
        again = len(values) - len(others)
        if not nines or again < 2 or len(others) < 2:
            continue
        low, high = others[0], others[-1]
        if min(abs(code - low), abs(code - high)) >= high - low or code < 0 <= low:
            message = f"{table.path}: {again:,} of {len(values):,} values of the column {quoted(name)} are {code:.12g}"
            hint = 'cells that hold nothing are left empty, and missing = "mean" or "drop" says what becomes of them'
            warn("bad-data", f"{message}, the others {low:g} to {high:g}, and all are taken as numbers", AT, hint)


def check_two(table: Table, name: str) -> None:
    """Say where a target that is regressed has two values alone."""
    values = np.unique(table.numbers(name))
    if len(values) == 2:
        message = f"{table.path}: the target {quoted(name)} is {values[0]:g} or {values[1]:g}, and is read as numbers"
        warn("bad-data", message, at=AT, hint="classes = true reads two classes")


def _drop(name: str) -> str:
    return f"drop = [{quoted(name)}] leaves it out"
