"""How many threads torch uses for a step: measured, because its default is a trap.

With as many threads as cores, each operation waits for the slowest of them; beside one busy process that was 4 to 40
times slower than one thread on the small networks of specs/. Thread counts also change the last bits of a sum (losses
differ by about 1e-8), so the count is chosen once, written down, and taken up again by a resumed run.
"""

from __future__ import annotations

import contextlib
import copy
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn

#: How much faster all threads must be than one to be used: they also take from other processes.
WORTHWHILE = 1.15
_ROUNDS = 3


@contextlib.contextmanager
def restored_threads() -> Iterator[None]:
    """Gives torch its thread count back at the end."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def calibrate(module: nn.Module, step: Callable[[nn.Module], None]) -> int:
    """The better of one thread and torch's present count for `step` (a forward and backward pass), which is then set.

    Measured on a copy, in turns, the median of three rounds after a warm-up; the random generators stay untouched.
    Where torch has one thread already (``OMP_NUM_THREADS=1``) there is nothing to choose.
    """
    most = torch.get_num_threads()
    if most == 1:
        return 1
    trial = copy.deepcopy(module)
    seconds: dict[int, list[float]] = {1: [], most: []}
    with torch.random.fork_rng(devices=[]):
        step(trial)
        for _ in range(_ROUNDS):
            for threads, found in seconds.items():
                torch.set_num_threads(threads)
                started = time.perf_counter()
                step(trial)
                found.append(time.perf_counter() - started)
    one, all_of_them = statistics.median(seconds[1]), statistics.median(seconds[most])
    chosen = most if one > WORTHWHILE * all_of_them else 1
    torch.set_num_threads(chosen)
    return chosen
