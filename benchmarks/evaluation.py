"""Evaluation with confusion matrix and per-class figures: graphspec beside the lecture's loop, in turns.

The lecture's loop: torchvision's data set, PIL, ToTensor, Normalize, DataLoader, forward, lists of labels, and
scikit-learn's confusion_matrix and classification_report. Both measure the same network on the same samples and must
count the same.

    python benchmarks/evaluation.py [--data data] [--samples 10000] [--rounds 5] [--threads 1]
"""

from __future__ import annotations

import argparse
import dataclasses
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from sklearn.metrics import classification_report, confusion_matrix
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from torchvision import datasets
from torchvision.transforms import Compose, Normalize, ToTensor

from graphspec import pipeline
from graphspec.training.measured import measured
from graphspec.training.scores import per_class
from graphspec.training.train import load_data, make_learner

SPEC = Path(__file__).parents[1] / "specs" / "fashion_mlp.toml"
CPU = torch.device("cpu")


@torch.no_grad()
def lecture(batches: DataLoader[Any], module: nn.Module) -> list[list[int]]:
    predicted, truth = [], []
    module.eval()
    for image, label in batches:
        predicted += module(image).argmax(1).tolist()
        truth += label.tolist()
    classification_report(truth, predicted, output_dict=True, zero_division=0)
    return confusion_matrix(truth, predicted).tolist()


def seconds(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """CPU seconds, wall seconds and what came out."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = work()
    return time.process_time() - cpu, time.perf_counter() - wall, found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    shaped = pipeline.shape(pipeline.load(SPEC, overrides=["data.validation=0"]))
    data = load_data(shaped.spec, options.data)
    samples = data.train.take(torch.arange(options.samples))
    module = pipeline.build(shaped)
    images = datasets.FashionMNIST(options.data, transform=Compose([ToTensor(), Normalize((0.5,), (0.5,))]))
    loader: DataLoader[Any] = DataLoader(Subset(images, range(options.samples)), batch_size=32)

    def ours() -> list[list[int]]:
        learner = make_learner(module, shaped, data, CPU, epochs=1)
        found = measured(learner, dataclasses.replace(data, train=samples).batches("train"))
        counts: Tensor = next(iter(found.answers.values())).confusion()
        per_class(counts)
        return counts.tolist()

    contestants: dict[str, Callable[[], Any]] = {"graphspec": ours, "lecture": lambda: lecture(loader, module)}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for round_ in range(options.rounds + 1):
        counted = []
        for name, work in contestants.items():
            cpu, wall, found = seconds(work)
            counted.append(found)
            if round_:  # the first is a warm-up
                times[name].append((cpu, wall))
        assert counted[0] == counted[1], "the confusion matrices differ"
    report(times, options)


def report(times: dict[str, list[tuple[float, float]]], options: argparse.Namespace) -> None:
    """A Markdown table; by how much graphspec is faster is the median of the rounds' ratios."""
    print(
        f"{options.samples} samples, MLP 784-128-10, {options.threads} threads, torch {torch.__version__}, "
        f"{platform.machine()}; medians of {options.rounds} rounds; equal confusion matrices\n"
    )
    print("| evaluation | samples/s, CPU time | samples/s, wall time | graphspec is faster by (range), CPU time |")
    print("|---|---|---|---|")
    for name, rounds in times.items():
        cpu, wall = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratios = [theirs[0] / ours[0] for theirs, ours in zip(rounds, times["graphspec"], strict=True)]
        factor = f"{statistics.median(ratios):.1f} × ({min(ratios):.1f} to {max(ratios):.1f})"
        print(f"| {name} | {options.samples / cpu:,.0f} | {options.samples / wall:,.0f} | {factor} |")


if __name__ == "__main__":
    main()
