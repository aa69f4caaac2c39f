"""A search over a small network on scikit-learn's iris: a trial takes a fraction of a second."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from graphspec import pipeline
from graphspec.tuning.tune_report import TuneReport

IRIS: dict[str, Any] = {
    "graphspec": 1,
    "name": "iris",
    "vars": {"width": 8},
    "inputs": {"x": ["N", 4]},
    "layers": {
        "fc1": {"type": "Linear", "out_features": "${width}"},
        "relu": "ReLU",
        "logits": {"type": "Linear", "out_features": 3},
    },
    "data": {"dataset": "iris", "batch_size": 16, "validation": 0.3},
    "train": {"epochs": 2, "optimizer": {"type": "Adam", "lr": 0.01}},
    "tune": {
        "trials": 4,
        "space": {
            "train.optimizer.lr": {"low": 1e-3, "high": 0.3, "log": True},
            "vars.width": {"choices": [4, 8, 16]},
        },
    },
}
Tune = Callable[..., TuneReport]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Bits depend on the thread count, so no test leaves it to a measurement."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def iris() -> dict[str, Any]:
    """The spec above, to be changed at will."""
    return copy.deepcopy(IRIS)


@pytest.fixture
def tune(tmp_path: Path) -> Tune:
    """A search on the CPU, into ``tmp_path / "study"`` unless the test says otherwise."""

    def run_it(spec: Any, **arguments: Any) -> TuneReport:
        return pipeline.tune(spec, **({"run": tmp_path / "study", "device": "cpu"} | arguments))

    return run_it
