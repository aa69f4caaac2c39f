"""An epoch of the lecture's MLP: graphspec beside the lecture's own loop, Keras and Lightning, in turns.

The lecture's loop is torchvision's data set → PIL → ToTensor → Normalize → DataLoader(32) → forward, loss, backward,
Adam, with the running loss and accuracy that it prints. graphspec's default engine sees the same batches in the same
order and must end with the same weights to the last bit; how far the traced engine's losses differ at first is printed.

    python benchmarks/training.py [--data data] [--samples 32000] [--rounds 5] [--threads 1]

Keras (on torch) and Lightning are measured where they can be imported (pip install '.[peers]').
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import importlib.util
import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from torchvision import datasets
from torchvision.transforms import Compose, Normalize, ToTensor

from graphspec import compiler
from graphspec.compiler import Network
from graphspec.data import DataSet
from graphspec.training.engine.choose import choose
from graphspec.training.loop import train_step
from graphspec.training.prepare import load_data, make_learner
from rounds import Seconds, Table, clock, interleaved

SPEC = Path(__file__).parents[1] / "specs" / "fashion_mlp.toml"
CPU = torch.device("cpu")
#: Steps over which the traced engine's losses are compared: rounding grows as training goes on.
COMPARED = 100


class Lecture:
    """The loop as it is taught."""

    def __init__(self, batches: DataLoader[Any], start: nn.Module) -> None:
        self.batches, self.start = batches, start

    def __call__(self) -> Seconds:
        self.module, self.losses = copy.deepcopy(self.start), []
        return clock(self.epoch)

    def epoch(self) -> None:
        optimizer, loss_function, correct = (
            torch.optim.Adam(self.module.parameters(), lr=0.001),
            nn.CrossEntropyLoss(),
            0,
        )
        for image, label in self.batches:
            optimizer.zero_grad()
            output = self.module(image)
            loss = loss_function(output, label)
            loss.backward()
            optimizer.step()
            self.losses.append(loss.item())
            correct += (output.argmax(1) == label).sum().item()


class Graphspec:
    """The same samples through graphspec's loop, set-up of the engine included, without files and pictures."""

    def __init__(self, network: Network, data: DataSet, start: nn.Module) -> None:
        self.network, self.data, self.start = network, data, start

    def __call__(self) -> Seconds:
        self.module, self.losses = copy.deepcopy(self.start), []
        return clock(self.epoch)

    def epoch(self) -> None:
        learner, batches = (
            make_learner(self.network.with_module(self.module), self.data, CPU, 1),
            self.data.batches("train"),
        )
        assert self.network.spec.train is not None
        learner.engine = choose(learner, self.network.spec.train, batches, len(batches)).engine
        self.losses = [train_step(learner, batch) for batch in batches.shuffled(0)]
        learner.metrics.compute()


def keras_fit(images: Tensor, labels: Tensor) -> Callable[[], Seconds]:
    """Keras' own loop over arrays that are normalised already."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    x, y = images.numpy(), labels.numpy()

    def run() -> Seconds:
        layers = keras.layers
        model = keras.Sequential([layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(10)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=keras.optimizers.Adam(0.001), loss=loss, metrics=["accuracy"])
        return clock(lambda: model.fit(x, y, batch_size=32, epochs=1, verbose=0))

    return run


def lightning_fit(batches: DataLoader[Any], start: nn.Module) -> Callable[[], Seconds]:
    """Lightning's Trainer over the lecture's DataLoader, without logger, checkpoints and bars."""
    import lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")

    class Module(lightning.LightningModule):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.module, self.loss = copy.deepcopy(start), nn.CrossEntropyLoss()

        def training_step(self, batch: Any, _: int) -> Tensor:
            return self.loss(self.module(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=0.001)

    def run() -> Seconds:
        quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
        trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", **quiet)
        module = Module()
        return clock(lambda: trainer.fit(module, batches))

    return run


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--samples", type=int, default=32_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    networks = {
        engine: compiler.load(SPEC, overrides=["data.validation=0", f'train.engine="{engine}"'])
        for engine in ("default", "traced")
    }
    data = load_data(networks["default"].spec, options.data)
    data = dataclasses.replace(data, train=data.train.take(torch.arange(options.samples)))
    start = networks["default"].build()
    images = datasets.FashionMNIST(options.data, transform=Compose([ToTensor(), Normalize((0.5,), (0.5,))]))
    order = data.batches("train").order(0).tolist()
    loader: DataLoader[Any] = DataLoader(Subset(images, order), batch_size=32)

    lecture = Lecture(loader, start)
    ours = {engine: Graphspec(network, data, start) for engine, network in networks.items()}
    contestants: dict[str, Callable[[], Seconds]] = {"the lecture's loop": lecture}
    contestants |= {f"graphspec, {engine}": run for engine, run in ours.items()}
    if importlib.util.find_spec("keras"):
        batch = next(data.batches("train").in_order(options.samples))
        contestants["Keras fit"] = keras_fit(batch.inputs["image"], batch.targets["label"])
    if importlib.util.find_spec("lightning"):
        contestants["Lightning Trainer"] = lightning_fit(loader, start)

    times = interleaved(contestants, options.rounds)
    title = f"An epoch of {options.samples} samples, MLP 784-128-10, batches of 32, threads: {options.threads}"
    Table(title, times, "the lecture's loop", options.samples).show()
    weights = zip(lecture.module.state_dict().values(), ours["default"].module.state_dict().values(), strict=True)
    print(f"\ndefault: losses equal to the last bit: {lecture.losses == ours['default'].losses}", end=", ")
    print(f"weights: {all(torch.equal(a, b) for a, b in weights)}")
    pairs = list(zip(lecture.losses, ours["traced"].losses, strict=True))[:COMPARED]
    most = max(abs(a - b) for a, b in pairs)
    print(f"traced: losses of the first {COMPARED} steps differ by at most {most:.1e}")


if __name__ == "__main__":
    main()
