"""The rule for the thread count beside a measurement of it: a step of several networks by one thread and by all.

A step is a forward and a backward pass. Rounds are interleaved, and the fastest of each kind is compared, as a machine
that is not idle slows several threads down more than one. The last columns are what the rule takes and what it loses
against the better one.

    python benchmarks/threads.py [--rounds 30]
"""

from __future__ import annotations

import argparse
import itertools
import time
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from graphspec.training.engine.threads import ALL_THREADS


def dense(*widths: int) -> nn.Module:
    layers = [layer for a, b in itertools.pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def conv(first: int, second: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, first, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(first, second, 3, padding=1),
        nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(second * 64, 10),
    )  # fmt: skip


#: A network, and a batch of it.
STEPS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "MLP 784-128-10, batch 32": (dense(784, 128, 10), (32, 784)),
    "MLP 784-128-10, batch 256": (dense(784, 128, 10), (256, 784)),
    "MLP 784-512-512-10, batch 32": (dense(784, 512, 512, 10), (32, 784)),
    "MLP 784-512-512-10, batch 128": (dense(784, 512, 512, 10), (128, 784)),
    "MLP 784-2048-2048-10, batch 128": (dense(784, 2048, 2048, 10), (128, 784)),
    "CNN 16-32, 32 × 32, batch 16": (conv(16, 32), (16, 3, 32, 32)),
    "CNN 16-32, 32 × 32, batch 128": (conv(16, 32), (128, 3, 32, 32)),
    "CNN 32-64, 32 × 32, batch 64": (conv(32, 64), (64, 3, 32, 32)),
}


def flops(module: nn.Module, x: Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        module(x)
    return int(counter.get_total_flops())


def fastest(module: nn.Module, x: Tensor, counts: tuple[int, ...], rounds: int) -> dict[int, float]:
    loss, labels = nn.CrossEntropyLoss(), torch.zeros(len(x), dtype=torch.int64)
    found: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(rounds):
        for count, seconds in found.items():
            torch.set_num_threads(count)
            for _ in range(3):  # the first after a change of the count wakes threads
                started = time.perf_counter()
                loss(module(x), labels).backward()
                seconds.append(time.perf_counter() - started)
    return {count: min(seconds) for count, seconds in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    options: Any = parser.parse_args()
    most = torch.get_num_threads()
    print(f"one thread and {most}; torch {torch.__version__}\n")
    print(
        f"| step | FLOPs | 1 thread, ms | {most} threads, ms | the rule takes | and loses |\n|---|---|---|---|---|---|"
    )
    for name, (module, shape) in STEPS.items():
        x = torch.randn(shape)
        work, seconds = flops(module, x), fastest(module, x, (1, most), options.rounds)
        taken = most if work >= ALL_THREADS else 1
        one, every = (1e3 * seconds[count] for count in (1, most))
        lost = seconds[taken] / min(seconds.values()) - 1
        print(f"| {name} | {work:.1e} | {one:.2f} | {every:.2f} | {taken} | {lost:.0%} |", flush=True)


if __name__ == "__main__":
    main()
