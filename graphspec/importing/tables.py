"""Which constants a spec holds as numbers, rather than how the network computes them."""

from __future__ import annotations

import torch
from torch import Tensor

#: So many numbers are held, or so many that differ.
MOST_HELD = 4_096
#: Among so many numbers rows that are different are looked for.
MOST_SEARCHED = 1 << 20


def is_held(data: Tensor | None) -> bool:
    """Whether these numbers, or their rows that are different, are few and finite."""
    if data is None or data.numel() > MOST_SEARCHED or not bool(torch.isfinite(data).all()):
        return False
    return data.numel() <= MOST_HELD or _has_few_rows(data)


def _has_few_rows(data: Tensor) -> bool:
    """Whether the rows that are different, and which of them stands where, are few; a row is what follows any dim."""
    for dim in range(1, data.dim()):
        rows, places = data.flatten(0, dim - 1).flatten(1).unique(dim=0, return_inverse=True)
        if rows.numel() + places.numel() <= MOST_HELD:
            return True
    return False
