"""Training beside a busy process: torch's default thread count against the one of graphspec's rule.

A process that only computes is bound to one core. The lecture's step on batches in memory then runs with as many
threads as there are cores, which is torch's default, and with the count that graphspec's rule gives; the third is
graphspec's own step. Wall time is what suffers.

    python benchmarks/neighbour.py [--data data] [--steps 600] [--rounds 5]
"""

from __future__ import annotations

import argparse
import copy
import itertools
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from graphspec import compiler
from graphspec.training.engine.choose import choose
from graphspec.training.engine.threads import forward_flops, set_threads
from graphspec.training.loop import train_step
from graphspec.training.prepare import load_data, make_learner
from rounds import Seconds, Table, clock, interleaved

SPEC = Path(__file__).parents[1] / "specs" / "fashion_mlp.toml"


def busy(core: int) -> None:
    """Compute on one core until the end."""
    os.sched_setaffinity(0, {core})
    while True:
        sum(range(100_000))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    network = compiler.load(SPEC, overrides=["data.validation=0"])
    shaped = network.shaped
    data = load_data(shaped.spec, options.data)
    batches = data.batches("train")
    some = list(itertools.islice(batches.shuffled(0), options.steps))
    start = compiler.build(shaped)
    loss_function = nn.CrossEntropyLoss()

    def every() -> None:
        torch.set_num_threads(len(cores))

    def ruled() -> None:
        torch.set_num_threads(len(cores))
        set_threads(forward_flops(shaped, [some[0].inputs["image"]]))

    def lecture(set_count: Callable[[], None]) -> Seconds:
        module = copy.deepcopy(start)
        optimizer = torch.optim.Adam(module.parameters(), lr=0.001)

        def run() -> None:
            set_count()
            for batch in some:
                optimizer.zero_grad()
                loss_function(module(batch.inputs["image"]), batch.targets["label"]).backward()
                optimizer.step()

        return clock(run)

    def ours() -> Seconds:
        learner = make_learner(network.with_module(copy.deepcopy(start)), data, torch.device("cpu"), epochs=1)

        def run() -> None:
            ruled()
            assert shaped.spec.train is not None
            learner.engine = choose(learner, shaped.spec.train, batches, len(some)).engine
            for batch in some:
                train_step(learner, batch)

        return clock(run)

    neighbour = multiprocessing.get_context("spawn").Process(target=busy, args=(cores[-1],), daemon=True)
    neighbour.start()
    contestants = {
        f"lecture's step, torch's default, {len(cores)} threads": lambda: lecture(every),
        "lecture's step, count by the rule": lambda: lecture(ruled),
        "graphspec, count by the rule": ours,
    }
    try:
        times = interleaved(contestants, options.rounds)
    finally:
        neighbour.terminate()
    title = f"{options.steps} steps of the MLP beside a process that keeps one of {len(cores)} cores busy"
    Table(title, times, next(iter(contestants)), len(some) * batches.batch_size).show()


if __name__ == "__main__":
    main()
