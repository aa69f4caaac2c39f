"""Training and evaluation of the lecture's MLP: graphspec beside the lecture's own loop, on the same machine in turns.

The lecture's loop is torchvision's data set → PIL → ToTensor → Normalize → DataLoader → forward, loss, backward, Adam.
Both see the same batches in the same order and must end with the same weights to the last bit, which is checked.

    python benchmarks/training.py [--data data] [--samples 60000] [--rounds 5] [--threads 1]
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from sklearn.metrics import classification_report, confusion_matrix
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision import datasets
from torchvision.transforms import Compose, Normalize, ToTensor

from graphspec import pipeline
from graphspec.data import DataSet
from graphspec.shapes import ShapedGraph
from graphspec.training.engine import WORTHWHILE_STEPS, equip
from graphspec.training.loop import measure, train_step
from graphspec.training.metrics import Confusion, Scores
from graphspec.training.scores import per_class
from graphspec.training.train import load_data, make_learner

SPEC = Path(__file__).parents[1] / "specs" / "fashion_mlp.toml"
CPU = torch.device("cpu")


class Lecture:
    """The loop as it is taught, over the samples of `order`."""

    def __init__(self, root: Path, order: list[int]) -> None:
        images = datasets.FashionMNIST(root, transform=Compose([ToTensor(), Normalize((0.5,), (0.5,))]))
        self.batches = DataLoader(Subset(images, order), batch_size=32)

    def epoch(self, module: nn.Module) -> None:
        optimizer, loss_function = torch.optim.Adam(module.parameters(), lr=0.001), nn.CrossEntropyLoss()
        for image, label in self.batches:
            optimizer.zero_grad()
            loss = loss_function(module(image), label)
            loss.backward()
            optimizer.step()

    @torch.no_grad()
    def evaluation(self, module: nn.Module) -> None:
        predicted, truth = [], []
        for image, label in self.batches:
            predicted += module(image).argmax(1).tolist()
            truth += label.tolist()
        confusion_matrix(truth, predicted)
        classification_report(truth, predicted, output_dict=True, zero_division=0)


class Graphspec:
    """The same samples through graphspec's loop and evaluation, without files and pictures."""

    def __init__(self, shaped: ShapedGraph, data: DataSet) -> None:
        self.shaped, self.data = shaped, data

    def epoch(self, module: nn.Module) -> None:
        learner, batches = make_learner(module, self.shaped, self.data, CPU, epochs=1), self.data.batches("train")
        assert self.shaped.spec.train is not None
        equip(learner, self.shaped.spec.train, batches, steps=WORTHWHILE_STEPS)
        for batch in batches.shuffled(0):
            train_step(learner, batch)

    def evaluation(self, module: nn.Module) -> None:
        learner = make_learner(module, self.shaped, self.data, CPU, epochs=1)
        scores = Scores(learner.objective, CPU)
        measure(learner, self.data.batches("train"), scores)
        confusion = Confusion(learner.objective, CPU)
        confusion.update(torch.cat(scores.outputs), torch.cat(scores.targets))
        per_class(confusion.matrix)


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--samples", type=int, default=60000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    shaped = pipeline.shape(pipeline.load(SPEC, overrides=["data.validation=0"]))
    data = load_data(shaped.spec, options.data)
    data = dataclasses.replace(data, train=data.train.take(torch.arange(options.samples)))
    contestants = {"lecture": Lecture(options.data, data.batches("train").order(0).tolist())}
    contestants["graphspec"] = Graphspec(shaped, data)  # type: ignore[assignment]
    start = pipeline.build(shaped)
    print(
        f"{options.samples} samples, {options.threads} threads, torch {torch.__version__}, medians of {options.rounds}"
    )
    for work in ("epoch", "evaluation"):
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
        ends = {}
        for _ in range(options.rounds):
            for name, contestant in contestants.items():
                ends[name] = copy.deepcopy(start)
                run = {"epoch": contestant.epoch, "evaluation": contestant.evaluation}[work]
                times[name].append(seconds(lambda run=run, module=ends[name]: run(module)))  # type: ignore[misc]
        same = all(map(torch.equal, ends["lecture"].state_dict().values(), ends["graphspec"].state_dict().values()))
        report(work, times, options.samples)
        print(f"  weights equal to the last bit: {same}")


def report(work: str, times: dict[str, list[tuple[float, float]]], samples: int) -> None:
    """One line a contestant: samples a second by CPU and by wall time, and the median ratio of each round."""
    for name, rounds in times.items():
        cpu, wall = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratios = [theirs[0] / ours[0] for theirs, ours in zip(times["lecture"], rounds, strict=True)]
        span = f"{statistics.median(ratios):.1f} × ({min(ratios):.1f} to {max(ratios):.1f})"
        print(f"{work:<10} {name:<9} {samples / cpu:>9,.0f}/s CPU {samples / wall:>9,.0f}/s wall   {span} by CPU time")


if __name__ == "__main__":
    main()
