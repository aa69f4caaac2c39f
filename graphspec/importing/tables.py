"""Constants that a spec writes out: how many numbers, and large tables by the small ones that they are made of."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import torch
from torch import Tensor

#: So many numbers of a constant are written into a spec; of one that the network computes, fewer.
MOST_NUMBERS, MOST_COMPUTED = 50_000, 4_096
#: Among so many numbers rows that are different are looked for.
MOST_SEARCHED = 1 << 20


def can_be_written(data: Tensor | None, most: int = MOST_COMPUTED) -> bool:
    """Whether a spec rather holds these numbers than computes them: they, or their rows, are few and finite."""
    if data is None or data.numel() > MOST_SEARCHED or not bool(torch.isfinite(data).all()):
        return False
    return data.numel() <= most or different_rows(data, most) is not None


def different_rows(data: Tensor, most: int) -> tuple[Tensor, Tensor] | None:
    """The rows of a tensor that are different, and which of them stands where, if both are at most so many numbers.

    A row is what follows the first dims, as many of them as make it shortest.
    """
    found: tuple[Tensor, Tensor] | None = None
    least = most
    for dim in range(1, data.dim()):
        rows, places = data.flatten(0, dim - 1).flatten(1).unique(dim=0, return_inverse=True)
        if rows.numel() + places.numel() <= least:
            least = rows.numel() + places.numel()
            found = rows, places
    return found


def summands(data: Tensor, most: int) -> tuple[Tensor, Tensor] | None:
    """Two tables of whole numbers, at most so many together, whose sum is `data` in another shape.

    Every dim of `data` is rows times columns of a grid: one table is of the rows, the other of the columns, as the
    places of a grid relative to each other are.
    """
    if data.is_floating_point() or data.dtype == torch.bool or data.numel() > MOST_SEARCHED:
        return None
    for grid in itertools.product(*map(_grids, data.shape)):
        sizes = [math.prod(grid_of[n] for grid_of in grid) for n in (0, 1)]
        if sum(sizes) > most:
            continue
        table = data.reshape([size for rows_columns in grid for size in rows_columns])
        rows, columns = _at_zero(table, 1), _at_zero(table, 0)
        columns = columns - _at_zero(columns, 1)
        if torch.equal(rows + columns, table):
            return rows, columns
    return None


def _grids(size: int) -> Iterator[tuple[int, int]]:
    """Every number of rows and of columns that make `size` places."""
    return ((rows, size // rows) for rows in range(1, size + 1) if size % rows == 0)


def _at_zero(table: Tensor, parity: int) -> Tensor:
    """The first place along every second dim."""
    for dim in range(parity, table.dim(), 2):
        table = table.narrow(dim, 0, 1)
    return table
