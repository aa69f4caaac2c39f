"""How many threads decode, and what each of them may take."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from graphspec.system import bar

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_AT_ONCE = 32
T = TypeVar("T")


def one_thread() -> None:
    """To be called in each worker: torch's own operations stay on the worker's core."""
    torch.set_num_threads(1)


def in_parallel(function: Callable[[int], T], count: int, doing: str) -> Iterator[T]:
    """``function(0)`` to ``function(count - 1)`` in order, computed by a thread a core, with a bar that says `doing`.

    The first exception ends it; what was not begun by then is left.
    """
    before = torch.get_num_threads()

    def some(start: int) -> list[T]:
        return [function(row) for row in range(start, min(start + _AT_ONCE, count))]

    try:
        with ThreadPoolExecutor(CORES, "decode", one_thread) as pool, bar.bar(doing, count) as advance:
            for results in pool.map(some, range(0, count, _AT_ONCE)):
                advance(len(results))
                yield from results
    finally:
        torch.set_num_threads(before)
