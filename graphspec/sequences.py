"""Sequences of classes of different lengths, padded: read out of the classes of steps, and compared."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

#: Stands behind the classes of a sequence.
PAD = -1


def lengths_of(targets: Tensor, blank: int) -> Tensor:
    """How many classes stand in each row of `targets` (``N × S``) before the blank or a number below 0: int64 ``N``."""
    return ((targets != blank) & (targets >= 0)).to(torch.int64).cumprod(1).sum(1)


def cut(targets: Tensor, lengths: Tensor) -> Tensor:
    """`targets` (``N × S``) with ``PAD`` behind the first `lengths` (``N``) of each row."""
    places = torch.arange(targets.shape[1], device=targets.device)
    return torch.where(places < lengths.reshape(-1, 1).to(targets.device), targets, PAD)


def best_path(steps: Tensor, blank: int) -> Tensor:
    """The sequences that the classes of `steps` (int64 ``N × T``) stand for, as CTC has it: one class of each that
    repeats, then none that is blank or below 0. int64 ``N × T``, ``PAD`` behind them.
    """
    before = torch.nn.functional.pad(steps, (1, 0), value=PAD)[:, :-1]
    kept = (steps != blank) & (steps >= 0) & (steps != before)
    first = torch.sort((~kept).to(torch.uint8), dim=1, stable=True).indices
    return torch.where(kept.gather(1, first), steps.gather(1, first), PAD)


def edits(found: Tensor, wanted: Tensor) -> Tensor:
    """The Levenshtein distance of each pair of rows: int64 ``N``. `found` is ``N × T``, `wanted` ``N × S``, both padded
    with ``PAD``.

    Row by row of the usual table; what insertions add along a row is a running minimum.
    """
    places = torch.arange(wanted.shape[1] + 1, device=wanted.device)
    row = places.expand(len(wanted), -1)
    for step in range(found.shape[1]):
        classes = found[:, step : step + 1]
        changed = row[:, :-1] + (wanted != classes)
        other = torch.cat([row[:, :1] + 1, torch.minimum(changed, row[:, 1:] + 1)], 1)
        following = (other - places).cummin(1).values + places
        row = torch.where(classes == PAD, row, following)
    return row.gather(1, (wanted != PAD).sum(1, keepdim=True))[:, 0]


def spelled(classes: Tensor, names: Sequence[str]) -> str:
    """A row of `classes` up to ``PAD`` by their `names`: as a text where each is one character, else with spaces."""
    found = [names[each] if each < len(names) else str(each) for each in classes.tolist() if each != PAD]
    return ("" if all(len(name) == 1 for name in found) else " ").join(found)
