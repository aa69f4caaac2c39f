"""Small specs that train in a second or two, and tiny files in a real on-disk format."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphspec import compiler
from graphspec.training import RunOptions, TrainReport, train
from graphspec.training.run.reporter import Silent

#: Everything whose state a resumed run must take up: BatchNorm, Dropout, Adam, a scheduler, augmentation, metrics.
DIGITS: dict[str, Any] = {
    "graphspec": 1,
    "name": "digits",
    "inputs": {"image": ["N", 1, 8, 8]},
    "layers": {
        "conv": {"type": "Conv2d", "out_channels": 4, "kernel_size": 3, "bias": False},
        "norm": "BatchNorm2d",
        "relu": "ReLU",
        "flatten": "Flatten",
        "dropout": {"type": "Dropout", "p": 0.2},
        "logits": {"type": "Linear", "out_features": 10},
    },
    "data": {"dataset": "digits", "batch_size": 128, "augment": [{"type": "RandomCrop", "size": 8, "padding": 1}]},
    "train": {
        "epochs": 3,
        "optimizer": {"type": "Adam", "lr": 0.01},
        "scheduler": {"type": "OneCycleLR", "max_lr": 0.02},
        "metrics": ["accuracy", "roc_auc"],
    },
}
Fit = Callable[..., TrainReport]


def fit_in_silence(
    spec: Any, run: Path, variant: str | None = None, overrides: Any = (), **arguments: Any
) -> TrainReport:
    """Compile and train `spec` (a dict or a path) on the CPU; `arguments` are train's."""
    network = compiler.load(spec, variant=variant, overrides=overrides)
    arguments = {"reporter": Silent(), "device": "cpu"} | arguments
    data, reporter = arguments.pop("data", None), arguments.pop("reporter")
    return train(network, RunOptions(folder=run, **arguments), data, reporter)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Bits depend on the thread count, so no test leaves it to a measurement."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def digits() -> dict[str, Any]:
    """The spec above, to be changed at will."""
    return copy.deepcopy(DIGITS)


@pytest.fixture
def fit(tmp_path: Path) -> Fit:
    """:func:`fit_in_silence`, into ``tmp_path / "run"`` unless the test says otherwise."""

    def run_it(spec: Any, run: Path | None = None, **arguments: Any) -> TrainReport:
        return fit_in_silence(spec, run or tmp_path / "run", **arguments)

    return run_it


@pytest.fixture
def fashion_root(tmp_path: Path) -> Path:
    """A root with Fashion-MNIST's four files in their format: 60 training and 20 test images of random pixels."""
    random = np.random.default_rng(0)
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for stem, count in (("train", 60), ("t10k", 20)):
        sizes = b"".join(size.to_bytes(4, "big") for size in (count, 28, 28))
        pixels = random.integers(0, 256, (count, 28, 28), dtype=np.uint8).tobytes()
        (raw / f"{stem}-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + sizes + pixels)
        labels = bytes(i % 10 for i in range(count))
        (raw / f"{stem}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + count.to_bytes(4, "big") + labels)
    return tmp_path / "data"
