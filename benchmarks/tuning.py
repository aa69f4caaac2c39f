"""A search of learning rates: trials one after the other beside trials in one vmapped pass, in turns on one machine.

Both draw the same values and train on the same batches; the table says how near their losses are.

    python benchmarks/tuning.py [--trials 32] [--rounds 5] [--epochs 10]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import torch

from graphspec import pipeline
from graphspec.diagnostics import GraphspecWarning
from graphspec.tuning.tune_report import TuneReport

#: Network → its spec's inputs, layers and data set.
NETWORKS: dict[str, dict[str, Any]] = {
    "logistic regression, iris": {
        "inputs": {"x": ["N", 4]},
        "layers": {"logits": {"type": "Linear", "out_features": 3}},
        "data": {"dataset": "iris", "validation": 0.3},
    },
    "MLP 13-32-3, wine": {
        "inputs": {"x": ["N", 13]},
        "layers": {
            "hidden": {"type": "Linear", "out_features": 32},
            "relu": "ReLU",
            "logits": {"type": "Linear", "out_features": 3},
        },
        "data": {"dataset": "wine", "transforms": ["StandardScaler"], "validation": 0.3},
    },
    "MLP 64-64-10, digits": {
        "inputs": {"image": ["N", 1, 8, 8]},
        "layers": {
            "flatten": "Flatten",
            "hidden": {"type": "Linear", "out_features": 64},
            "relu": "ReLU",
            "logits": {"type": "Linear", "out_features": 10},
        },
        "data": {"dataset": "digits"},
    },
    "CNN of 8,646 parameters, digits": {
        "inputs": {"image": ["N", 1, 8, 8]},
        "layers": {
            "conv1": {"type": "Conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1},
            "relu1": "ReLU",
            "conv2": {"type": "Conv2d", "out_channels": 12, "kernel_size": 3, "padding": 1},
            "relu2": "ReLU",
            "flatten": "Flatten",
            "logits": {"type": "Linear", "out_features": 10},
        },
        "data": {"dataset": "digits"},
    },
}


def spec(network: dict[str, Any], trials: int, epochs: int, vmap: int) -> dict[str, Any]:
    """The search, without pruning: what is drawn does not depend on how earlier trials ended."""
    return {
        "graphspec": 1,
        "name": "search",
        **network,
        "train": {"epochs": epochs, "optimizer": {"type": "Adam", "lr": 0.01}},
        "tune": {
            "space": {"train.optimizer.lr": {"low": 1e-4, "high": 1e-1, "log": True}},
            "trials": trials,
            "metric": "loss",
            "sampler": "RandomSampler",
            "pruner": "NopPruner",
            "vmap": vmap,
        },
    }


def search(network: dict[str, Any], trials: int, epochs: int, vmap: int) -> tuple[float, TuneReport]:
    """CPU seconds until the last trial has ended (the report comes after it), and the report."""
    said: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        report = pipeline.tune(
            spec(network, trials, epochs, vmap), run=Path(folder) / "study", device="cpu",
            say=lambda line: said.append(time.process_time()),
        )  # fmt: skip
    return said[-1] - started, report


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", GraphspecWarning)
    print(f"{options.trials} trials of {options.epochs} epochs, one thread, torch {torch.__version__}")
    print(f"{'network':<33} {'one by one':>14} {'one pass':>14}   ratio by CPU time      losses differ by")
    for name, network in NETWORKS.items():
        rounds, apart = [], []
        for _ in range(options.rounds):
            alone, one = search(network, options.trials, options.epochs, 1)
            joined, other = search(network, options.trials, options.epochs, options.trials)
            apart += [abs(a.value - b.value) for a, b in zip(one.trials, other.trials, strict=True)]  # type: ignore[operator]
            rounds.append((alone, joined))
        ratios = [alone / joined for alone, joined in rounds]
        first, second = (options.trials / statistics.median(row[column] for row in rounds) for column in (0, 1))
        span = f"{statistics.median(ratios):.1f} × ({min(ratios):.1f} to {max(ratios):.1f})"
        differ = f"{statistics.median(apart):.0e}, at most {max(apart):.0e}"
        print(f"{name:<33} {first:>8.1f} runs/s {second:>7.1f} runs/s   {span:<22} {differ}", flush=True)


if __name__ == "__main__":
    main()
