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

from graphspec.system.out_of_memory import is_out_of_memory

#: How much faster all threads must be than one to be used: they also take from other processes.
WORTHWHILE = 1.25
#: How much slower than usual steps must be, on a moving average, before the count is measured again.
SLOWER = 2.0
_ROUNDS = 3
_ROUND_SECONDS = 0.02


@contextlib.contextmanager
def restored_threads() -> Iterator[None]:
    """Gives torch its thread count back at the end."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Threads:
    """Chooses the thread count for `step`, a pass of `module`, and looks again when steps slow down."""

    def __init__(self, module: nn.Module, step: Callable[[nn.Module], None]) -> None:
        self._module, self._step = module, step
        self._most = torch.get_num_threads()
        self._usual = self._recent = 0.0

    def choose(self) -> int:
        """The better of one thread and all, which is then set; torch's count is kept where it is one already.

        Measured on a copy, in turns, the median of three rounds after a warm-up; no generator is touched. Where memory
        is too small for that, the step is a long one, and all threads are used.
        """
        if self._most == 1:
            return 1
        try:
            seconds = self._measure()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            torch.set_num_threads(self._most)
            return self._most
        chosen = self._most if seconds[1] > WORTHWHILE * seconds[self._most] else 1
        torch.set_num_threads(chosen)
        self._usual = self._recent = 0.0
        return chosen

    def after_step(self, seconds: float) -> bool:
        """To be told how long each step took; true where the thread count was changed because steps had slowed down."""
        if torch.get_num_threads() == 1:
            return False
        self._recent = 0.9 * self._recent + 0.1 * seconds if self._recent else seconds
        self._usual = min(self._usual, self._recent) if self._usual else self._recent
        if self._recent < SLOWER * self._usual:
            return False
        return self.choose() == 1

    def _measure(self) -> dict[int, float]:
        trial = copy.deepcopy(self._module)
        found: dict[int, list[float]] = {1: [], self._most: []}
        with torch.random.fork_rng(devices=[]):
            self._step(trial)
            started = time.perf_counter()
            self._step(trial)
            repeats = max(1, min(50, int(_ROUND_SECONDS / (time.perf_counter() - started))))
            for _ in range(_ROUNDS):
                for threads, seconds in found.items():
                    torch.set_num_threads(threads)
                    started = time.perf_counter()
                    for _ in range(repeats):
                        self._step(trial)
                    seconds.append(time.perf_counter() - started)
        return {threads: statistics.median(seconds) for threads, seconds in found.items()}
