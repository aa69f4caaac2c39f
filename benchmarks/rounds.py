"""Contestants measured in turns in one run, and the table of their medians: shared by the benchmarks."""

from __future__ import annotations

import dataclasses
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch

from graphspec.system.startup import keep_memory

keep_memory()  # as the command does; every contestant of the process has it

#: CPU seconds and wall seconds of one piece of work.
Seconds = tuple[float, float]


def clock(work: Callable[[], object]) -> Seconds:
    """CPU and wall seconds of `work` in this process."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def interleaved(contestants: Mapping[str, Callable[[], Seconds]], rounds: int) -> dict[str, list[Seconds]]:
    """Each contestant once a round, in turns, after a round to warm up that does not count."""
    times: dict[str, list[Seconds]] = {name: [] for name in contestants}
    for round_ in range(rounds + 1):
        for name, contestant in contestants.items():
            seconds = contestant()
            if round_:
                times[name].append(seconds)
    return times


@dataclasses.dataclass(frozen=True)
class Table:
    """What `samples` samples took each contestant; ratios are against `against`, above 1 being faster."""

    title: str
    times: Mapping[str, Sequence[Seconds]]
    against: str
    samples: int

    def show(self) -> None:
        """Print it as Markdown: medians, and the median and the range of the rounds' ratios."""
        rounds = len(self.times[self.against])
        where = f"torch {torch.__version__}, {platform.machine()}"
        print(f"\n{self.title}; {where}, medians of {rounds} interleaved rounds\n")
        print("| | samples/s, CPU time | samples/s, wall time | × by CPU time (range) | × by wall time (range) |")
        print("|---|---|---|---|---|")
        for name, row in self.times.items():
            cpu, wall = (statistics.median(column) for column in zip(*row, strict=True))
            factors = [self._factor(name, of) for of in (0, 1)]
            print(f"| {name} | {self.samples / cpu:,.0f} | {self.samples / wall:,.0f} | {factors[0]} | {factors[1]} |")

    def _factor(self, name: str, of: int) -> str:
        """By CPU time (`of` 0) or wall time (1)."""
        pairs = zip(self.times[self.against], self.times[name], strict=True)
        ratios = [theirs[of] / ours[of] for theirs, ours in pairs]
        return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
