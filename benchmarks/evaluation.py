"""Evaluation with confusion matrix and per-class figures: graphspec beside the lecture's loop, in turns.

The lecture's loop: torchvision's data set, PIL, ToTensor, Normalize, DataLoader, forward, lists of labels, and
scikit-learn's confusion_matrix and classification_report. Both measure the same network on the same samples and must
count the same.

    python benchmarks/evaluation.py [--data data] [--samples 10000] [--rounds 5] [--threads 1]
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from sklearn.metrics import classification_report, confusion_matrix
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from torchvision import datasets
from torchvision.transforms import Compose, Normalize, ToTensor

from graphspec import compiler
from graphspec.training.evaluate.measure import measure
from graphspec.training.metrics.scores import per_class
from graphspec.training.prepare import load_data, make_learner
from rounds import Seconds, Table, clock, interleaved

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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    network = compiler.load(SPEC, overrides=["data.validation=0"])
    shaped = network.shaped
    data = load_data(shaped.spec, options.data)
    samples = data.train.take(torch.arange(options.samples))
    module = compiler.build(shaped)
    images = datasets.FashionMNIST(options.data, transform=Compose([ToTensor(), Normalize((0.5,), (0.5,))]))
    loader: DataLoader[Any] = DataLoader(Subset(images, range(options.samples)), batch_size=32)

    def ours() -> list[list[int]]:
        learner = make_learner(network.with_module(module), data, CPU, epochs=1)
        found = measure(learner, dataclasses.replace(data, train=samples).batches("train"), keep=True)
        counts: Tensor = next(iter(found.predictions.values())).confusion()
        per_class(counts)
        return counts.tolist()

    counted: dict[str, list[list[int]]] = {}

    def contestant(name: str, work: Callable[[], list[list[int]]]) -> Callable[[], Seconds]:
        return lambda: clock(lambda: counted.update({name: work()}))

    work = {"the lecture's loop": lambda: lecture(loader, module), "graphspec": ours}
    times = interleaved({name: contestant(name, each) for name, each in work.items()}, options.rounds)
    title = f"Evaluation of {options.samples} samples, MLP 784-128-10, threads: {options.threads}"
    Table(title, times, "the lecture's loop", options.samples).show()
    print(f"\nequal confusion matrices: {counted['graphspec'] == next(iter(counted.values()))}")


if __name__ == "__main__":
    main()
