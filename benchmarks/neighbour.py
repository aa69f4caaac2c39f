"""Training beside a busy process: torch's default thread count against the one that graphspec measures.

A process that only computes is bound to one core. The step of the lecture's MLP then runs with as many threads as there
are cores, which is torch's default, and with the count that graphspec chooses. Wall time is what suffers.

    python benchmarks/neighbour.py [--steps 300] [--rounds 5]
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import os
from collections.abc import Callable

import torch
from rounds import Seconds, Table, clock, interleaved
from torch import nn

from graphspec.training.threads import Threads

BATCH = 32


def busy(core: int) -> None:
    """Compute on one core until the end."""
    os.sched_setaffinity(0, {core})
    while True:
        sum(range(100_000))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    torch.set_num_threads(len(cores))
    image, label = torch.randn(BATCH, 1, 28, 28), torch.randint(0, 10, (BATCH,))
    start = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    loss_function = nn.CrossEntropyLoss()

    def steps(threads: Callable[[nn.Module], int]) -> Seconds:
        module = copy.deepcopy(start)
        optimizer = torch.optim.Adam(module.parameters(), lr=0.001)

        def run() -> None:
            torch.set_num_threads(threads(module))
            for _ in range(options.steps):
                optimizer.zero_grad()
                loss_function(module(image), label).backward()
                optimizer.step()

        return clock(run)

    def measured(module: nn.Module) -> int:
        torch.set_num_threads(len(cores))
        return Threads(module, lambda trial: loss_function(trial(image), label).backward()).choose()

    neighbour = multiprocessing.get_context("spawn").Process(target=busy, args=(cores[-1],), daemon=True)
    neighbour.start()
    contestants = {
        f"torch's default, {len(cores)} threads": lambda: steps(lambda module: len(cores)),
        "graphspec, measured at the start": lambda: steps(measured),
    }
    try:
        times = interleaved(contestants, options.rounds)
    finally:
        neighbour.terminate()
    title = f"{options.steps} steps of the MLP beside a process that keeps one of {len(cores)} cores busy"
    Table(title, times, next(iter(contestants)), options.steps * BATCH).show()


if __name__ == "__main__":
    main()
