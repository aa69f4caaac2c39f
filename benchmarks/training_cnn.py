"""A small CNN end to end, crop, mirroring and Normalize included: graphspec beside what is written instead.

The lecture's loop is torchvision's data set → PIL → RandomCrop, RandomHorizontalFlip, ToTensor, Normalize → DataLoader.
Keras shifts and mirrors with its own layers. Pixels are random and CIFAR-shaped: no files.

    python benchmarks/training_cnn.py [--samples 6400] [--rounds 5] [--threads 1]
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from data import MEAN, STD, Pictures
from graphspec import compiler
from graphspec.training.engine.choose import choose
from graphspec.training.loop import train_step
from graphspec.training.prepare import load_data, make_learner
from rounds import Seconds, Table, clock, interleaved
from training import lightning_fit

CPU = torch.device("cpu")
BATCH = 128
SPEC: dict[str, Any] = {
    "graphspec": 1,
    "inputs": {"image": ["N", 3, 32, 32]},
    "layers": {
        "conv1": {"type": "Conv2d", "out_channels": 16, "kernel_size": 3, "padding": 1}, "relu1": "ReLU",
        "pool1": {"type": "MaxPool2d", "kernel_size": 2},
        "conv2": {"type": "Conv2d", "out_channels": 32, "kernel_size": 3, "padding": 1}, "relu2": "ReLU",
        "pool2": {"type": "MaxPool2d", "kernel_size": 2},
        "flatten": "Flatten", "logits": {"type": "Linear", "out_features": 10},
    },
    "data": {
        "dataset": {"type": "npz", "file": "pixels.npz", "targets": ["label"]}, "batch_size": BATCH, "test": 0,
        "validation": 0,
        "transforms": [{"type": "Normalize", "mean": list(MEAN), "std": list(STD)}],
        "augment": [{"type": "RandomCrop", "size": 32, "padding": 4}, "RandomHorizontalFlip"],
    },
    "train": {"optimizer": {"type": "Adam", "lr": 0.001}, "memory_format": "channels_last"},
}  # fmt: skip


def lecture(loader: DataLoader[Any], start: nn.Module) -> Seconds:
    module, loss_function = copy.deepcopy(start), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.001)

    def epoch() -> None:
        total, correct = 0.0, 0
        for image, label in loader:
            optimizer.zero_grad()
            output = module(image)
            loss = loss_function(output, label)
            loss.backward()
            optimizer.step()
            total += loss.item()
            correct += (output.argmax(1) == label).sum().item()

    return clock(epoch)


def keras_fit(pixels: np.ndarray, labels: np.ndarray) -> Callable[[], Seconds]:
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    layers = keras.layers
    x = pixels.transpose(0, 2, 3, 1).astype("float32")

    def run() -> Seconds:
        model = keras.Sequential(
            [layers.Rescaling(1 / 255), layers.RandomTranslation(0.125, 0.125, "constant"),
             layers.RandomFlip("horizontal"),
             layers.Normalization(mean=MEAN, variance=[value**2 for value in STD]),
             layers.Conv2D(16, 3, padding="same", activation="relu"), layers.MaxPooling2D(),
             layers.Conv2D(32, 3, padding="same", activation="relu"), layers.MaxPooling2D(),
             layers.Flatten(), layers.Dense(10)]
        )  # fmt: skip
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=keras.optimizers.Adam(0.001), loss=loss, metrics=["accuracy"])
        return clock(lambda: model.fit(x, labels, batch_size=BATCH, epochs=1, verbose=0))

    return run


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=6_400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (options.samples, 3, 32, 32), dtype=np.uint8)
    labels = random.integers(0, 10, options.samples)
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "pixels.npz", image=pixels, label=labels)
        network = compiler.load(SPEC)
        shaped = network.shaped
        data = load_data(shaped.spec, Path(folder))
    start = compiler.build(shaped)
    loader: DataLoader[Any] = DataLoader(
        Pictures(torch.from_numpy(pixels), torch.from_numpy(labels)), batch_size=BATCH, shuffle=True
    )

    def graphspec() -> Seconds:
        module = copy.deepcopy(start)

        def epoch() -> None:
            learner, batches = make_learner(network.with_module(module), data, CPU, 1), data.batches("train")
            assert shaped.spec.train is not None
            learner.engine = choose(learner, shaped.spec.train, batches, len(batches)).engine
            for batch in batches.shuffled(0):
                train_step(learner, batch)
            learner.metrics.compute()

        return clock(epoch)

    contestants: dict[str, Callable[[], Seconds]] = {
        "the lecture's loop": lambda: lecture(loader, start), "graphspec, channels_last": graphspec,
    }  # fmt: skip
    if importlib.util.find_spec("keras"):
        contestants["Keras fit"] = keras_fit(pixels, labels)
    if importlib.util.find_spec("lightning"):
        contestants["Lightning Trainer"] = lightning_fit(loader, start)
    times = interleaved(contestants, options.rounds)
    title = f"An epoch of {options.samples} samples, two convolutions, batches of {BATCH}, threads: {options.threads}"
    Table(title, times, "the lecture's loop", options.samples).show()


if __name__ == "__main__":
    main()
