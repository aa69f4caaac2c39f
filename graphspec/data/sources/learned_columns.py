"""What the training part of a table says of its columns: what stands for missing cells, which texts have ids."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphspec.data.samples import Samples
from graphspec.data.sources.asked_columns import Missing
from graphspec.data.sources.column import Column
from graphspec.data.sources.columns import Columns
from graphspec.data.sources.table import nothing_in

#: So many rows of the training part are kept as they are.
_KEPT = 8


class LearnedColumns:
    """The form of a table's rows: what stands for missing cells and which texts have ids, by the training part.

    `read` are the columns as they were read, by which the samples are encoded. ``first_rows`` are a few rows of the
    training part as the table has them: a column of numbers is float64, NaN where a cell is missing, one of texts an
    array of strings.
    """

    def __init__(self, read: Columns, training: Samples) -> None:
        self._read = read
        alone = [_of_part(column, training.inputs[column.name], read.missing) for column in read.alone]
        features = [_of_part(c, training.inputs[read.table][:, place], read.missing) for place, c in read.places()]
        self.columns = read.with_columns(alone, features)
        self.first_rows = _first_rows(read, training)

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """How many ids the inputs have."""
        return self.columns.vocabulary

    def __call__(self, samples: Samples) -> Samples:
        """`samples` with the ids that the training part gives, and no missing cells."""
        inputs = dict(samples.inputs)
        for before, after in zip(self._read.alone, self.columns.alone, strict=True):
            if after.ids:
                inputs[after.name] = _new_ids(before, after)[inputs[after.name] + 1]
        return Samples(self.columns.filled(inputs), samples.targets)


def _first_rows(read: Columns, training: Samples) -> dict[str, NDArray[Any]]:
    """What :meth:`Columns.encoded` was given for them."""
    found = {column.name: _cells(column, training.inputs[column.name][:_KEPT]) for column in read.alone}
    return found | {c.name: _cells(c, training.inputs[read.table][:_KEPT, place]) for place, c in read.places()}


def _cells(column: Column, values: Tensor) -> NDArray[Any]:
    known = column.categories
    if known is None:
        return values.flatten().to(torch.float64).numpy().copy()
    if column.ids:
        places = [value - 1 for value in values.flatten().tolist()]
    else:
        places = torch.where(values.isnan().any(1), -1, values.nan_to_num().argmax(1)).tolist()
    return np.array([known[place] if place >= 0 else "" for place in places], dtype=np.str_)


def _new_ids(before: Column, after: Column) -> Tensor:
    """By 1 + the old id the new one: -1 for a missing cell, 0 for a text that the training part does not have."""
    assert before.categories is not None
    assert after.categories is not None
    known = {text: place for place, text in enumerate(after.categories, 1)}
    return torch.tensor([-1, 0, *(known.get(text, 0) for text in before.categories)])


def _of_part(column: Column, values: Tensor, missing: Missing) -> Column:
    """`column` as the encoded `values` of the training part know it."""
    if column.ids:
        assert column.categories is not None
        counts = torch.bincount(values.flatten() + 1, minlength=len(column.categories) + 2)
        kept = tuple(text for text, count in zip(column.categories, counts[2:].tolist(), strict=True) if count)
        fill = column.categories[int(counts[2:].argmax())] if missing == "most_frequent" and kept else None
        return dataclasses.replace(column, categories=kept, fill=fill, missing=int(counts[0]))
    if missing not in ("mean", "most_frequent") or (missing == "mean" and column.categories is not None):
        return column
    gaps = values.isnan()
    rows = gaps if gaps.ndim == 1 else gaps.any(1)
    present = values[~rows]
    if not len(present):
        raise nothing_in(column.name, part=" in the training part")
    if column.categories is not None:
        fill_text = column.categories[int(present.sum(0).argmax())]
        return dataclasses.replace(column, fill=fill_text, missing=int(rows.sum()))
    numbers = present.flatten()
    fill_number = float(numbers.mean()) if missing == "mean" else _most_frequent(numbers.tolist())
    return dataclasses.replace(column, fill=fill_number, missing=int(rows.sum()))


def _most_frequent(numbers: Sequence[float]) -> float:
    """The smallest of those that occur most often, as scikit-learn's SimpleImputer has it."""
    counts = Counter(numbers)
    most = max(counts.values())
    return min(number for number, count in counts.items() if count == most)
