"""Batches for which memory is too small, in halves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import torch

from graphspec.data import Samples
from graphspec.system.out_of_memory import is_out_of_memory

T = TypeVar("T")


def in_halves(work: Callable[[Samples], T], batches: Iterable[Samples]) -> Iterator[tuple[Samples, T]]:
    """Each batch with what `work` makes of it; where memory is too small for that, its two halves each, and so on.

    One sample for which memory is too small raises what `work` raised.
    """
    for batch in batches:
        try:
            found = work(batch)
        except (RuntimeError, MemoryError) as error:
            if len(batch) == 1 or not is_out_of_memory(error):
                raise
        else:
            yield batch, found
            continue
        rows = torch.arange(len(batch), device=next(iter(batch.inputs.values())).device)
        yield from in_halves(work, map(batch.take, rows.chunk(2)))
