"""Splitting samples into two parts: seeded, and stratified by class where there are classes."""

from __future__ import annotations

import torch
from torch import Tensor

from graphspec.data.seeds import generator


def last_indices(count: int, fraction: float) -> tuple[Tensor, Tensor]:
    """Indices of what stays and of the last `fraction`, which is split off, of `count` samples that have an order."""
    wanted = round(fraction * count) or int(fraction > 0 and count > 1)
    return torch.arange(count - wanted), torch.arange(count - wanted, count)


def split_indices(labels: Tensor | None, count: int, fraction: float, seed: int, name: str) -> tuple[Tensor, Tensor]:
    """Indices of what stays and of what is split off, each ascending.

    `fraction` of the `count` samples goes to the second part, rounded to whole samples and at least one where the
    fraction is not 0. With `labels` (int64, one a sample) each class gives its share, by largest remainder. `name`
    names the part split off, so that test and validation parts are drawn independently of each other.
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
