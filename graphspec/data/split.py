"""Which samples are split off: at random, by class, by group, or the last ones; fractions and folds."""

from __future__ import annotations

import dataclasses
from typing import Literal

import torch
from torch import Tensor

from graphspec.data.seeds import generator

Kind = Literal["random", "stratified", "group", "time"]


@dataclasses.dataclass(frozen=True, slots=True)
class Splitting:
    """How the rows of a training set are split; `rows` below are numbers of samples, int64, ascending.

    ``labels`` (``N`` int64) are the classes of "stratified", ``groups`` those of "group": none is on two sides. "time"
    takes the rows with the greatest ``times`` (``N`` int64), and leaves out the ``gap`` times before them.
    """

    kind: Kind
    labels: Tensor | None = None
    groups: Tensor | None = None
    times: Tensor | None = None
    gap: int = 0

    def fraction(self, rows: Tensor, fraction: float, seed: int, name: str) -> tuple[Tensor, Tensor]:
        """What stays of `rows` and what is split off, each ascending: `fraction` of them, or as near as groups allow.

        `name` names the part split off, so that test and validation parts are drawn independently of each other.
        """
        if fraction == 0 or len(rows) < 2:
            return rows, rows[:0]
        if self.kind == "time":
            return self._latest(rows, max(1, round(fraction * len(rows))))
        if self.kind == "group":
            return self._some_groups(rows, fraction * len(rows), generator(seed, "split", name))
        labels = self.labels[rows] if self.labels is not None and self.kind == "stratified" else None
        kept, taken = split_indices(labels, len(rows), fraction, seed, name)
        return rows[kept], rows[taken]

    def fold(self, rows: Tensor, folds: int, number: int, seed: int) -> tuple[Tensor, Tensor]:
        """What is trained on and what is measured in fold `number` of `folds`, each ascending.

        The sizes are scikit-learn's: those of KFold, StratifiedKFold, GroupKFold, and for "time" TimeSeriesSplit,
        where a fold is trained on what lies before it alone.
        """
        if self.kind == "time":
            assert self.times is not None
            in_order = rows[self.times[rows].argsort(stable=True)]
            size = len(rows) // (folds + 1)
            end = len(rows) - (folds - 1 - number) * size
            return self._latest(in_order[:end].sort().values, size)
        if self.kind == "group":
            assert self.groups is not None
            inside = _fold_of_groups(self.groups[rows], folds) == number
        else:
            draw = generator(seed, "folds")
            order = torch.randperm(len(rows), generator=draw)
            if self.kind == "stratified" and self.labels is not None:
                order = order[_by_appearance(self.labels[rows])[order].argsort(stable=True)]
            inside = torch.zeros(len(rows), dtype=torch.bool)
            inside[order[number::folds]] = True
        return rows[~inside], rows[inside]

    def most_folds(self, rows: Tensor) -> int:
        """How many folds there may be at most."""
        if self.kind == "group" and self.groups is not None:
            return len(self.groups[rows].unique())
        return len(rows) - (self.kind == "time")

    def _latest(self, rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
        assert self.times is not None
        times = self.times[rows]
        first = times.sort().values[-count]
        return rows[times < first - self.gap], rows[times >= first]

    def _some_groups(self, rows: Tensor, wanted: float, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Groups in a drawn order, each taken where that brings the number of samples nearer to what is wanted."""
        assert self.groups is not None
        _, of_row, sizes = self.groups[rows].unique(return_inverse=True, return_counts=True)
        taken, count = torch.zeros(len(sizes), dtype=torch.bool), 0
        for group in torch.randperm(len(sizes), generator=draw).tolist():
            size = int(sizes[group])
            if abs(count + size - wanted) < abs(count - wanted) and int(taken.sum()) < len(sizes) - 1:
                taken[group], count = True, count + size
        if not taken.any() and len(sizes) > 1:
            taken[int(sizes.argmin())] = True
        return rows[~taken[of_row]], rows[taken[of_row]]


def _by_appearance(labels: Tensor) -> Tensor:
    """`labels` numbered in the order in which they come, as StratifiedKFold does."""
    numbers: dict[int, int] = {}
    return torch.tensor([numbers.setdefault(label, len(numbers)) for label in labels.tolist()])


def _fold_of_groups(groups: Tensor, folds: int) -> Tensor:
    """The fold of each row: the largest group first, each to the fold with the fewest rows so far (GroupKFold)."""
    _, of_row, sizes = groups.unique(return_inverse=True, return_counts=True)
    fold_of, rows_in = torch.zeros(len(sizes), dtype=torch.int64), [0] * folds
    for group in sizes.argsort(stable=True).flip(0).tolist():
        lightest = rows_in.index(min(rows_in))
        fold_of[group] = lightest
        rows_in[lightest] += int(sizes[group])
    return fold_of[of_row]


def split_indices(labels: Tensor | None, count: int, fraction: float, seed: int, name: str) -> tuple[Tensor, Tensor]:
    """Indices of what stays and of what is split off, each ascending.

    `fraction` of the `count` samples goes to the second part, rounded to whole samples and at least one where the
    fraction is not 0. With `labels` (int64, one a sample) each class gives its share, by largest remainder.
    """
    wanted = round(fraction * count) or int(fraction > 0 and count > 1)
    draw = generator(seed, "split", name)
    if labels is None:
        shuffled = torch.randperm(count, generator=draw)
        return shuffled[wanted:].sort().values, shuffled[:wanted].sort().values
    kept, taken = [], []
    members = [(labels == label).nonzero().flatten() for label in labels.unique()]
    for index, share in zip(members, _shares([len(index) for index in members], wanted), strict=True):
        shuffled = index[torch.randperm(len(index), generator=draw)]
        taken.append(shuffled[:share])
        kept.append(shuffled[share:])
    return torch.cat(kept).sort().values, torch.cat(taken).sort().values


def _shares(sizes: list[int], wanted: int) -> list[int]:
    """`wanted` divided in proportion to `sizes`, in whole numbers (the method of largest remainders)."""
    exact = [wanted * size / sum(sizes) for size in sizes]
    shares = [int(value) for value in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda i: (shares[i] - exact[i], i))
    for i in by_remainder[: wanted - sum(shares)]:
        shares[i] += 1
    return shares
