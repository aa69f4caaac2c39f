"""What can be tried before a long run: the learning rate, and whether one batch can be learned at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from graphspec import before_training, pipeline
from graphspec.diagnostics import GraphspecError

DIGITS: dict[str, Any] = {
    "graphspec": 1,
    "inputs": {"image": ["N", 1, 8, 8]},
    "layers": {"flatten": "Flatten", "fc1": {"type": "Linear", "out_features": 32}, "relu": "ReLU",
               "logits": {"type": "Linear", "out_features": 10}},
    "data": {"dataset": "digits"},
    "train": {"optimizer": {"type": "Adam", "lr": 0.01}, "scheduler": "CosineAnnealingLR"},
}  # fmt: skip


def test_the_suggested_rate_trains_well(tmp_path: Path) -> None:
    """Better within an epoch than a hundred times more or less."""
    report = before_training.find_lr(DIGITS, picture=tmp_path / "lr.png", device="cpu")
    assert report.rates[0] == pytest.approx(1e-6)
    assert report.rates == sorted(report.rates)
    assert report.losses[-1] > min(report.losses)

    def loss_after_an_epoch(rate: float, name: str) -> float:
        override = f"train.optimizer.lr={rate}"
        run = pipeline.train(DIGITS, run=tmp_path / name, overrides=[override], epochs=1, device="cpu")
        return run.metrics["validation"]["loss"]

    best = loss_after_an_epoch(report.suggestion, "best")
    assert best < loss_after_an_epoch(report.suggestion / 100, "less")
    assert best < loss_after_an_epoch(min(report.suggestion * 100, 100.0), "more")
    with Image.open(tmp_path / "lr.png") as picture:
        assert picture.width > 200


def test_a_batch_is_learned_by_heart_and_nothing_is_kept() -> None:
    before = pipeline.compile(DIGITS).state_dict()
    report = before_training.overfit_batch(DIGITS, device="cpu")
    assert report.samples == 32
    assert report.last <= 0.01 * report.first
    assert report.steps < 300
    assert all(torch.equal(before[name], value) for name, value in pipeline.compile(DIGITS).state_dict().items())


def test_a_network_that_cannot_learn_is_found() -> None:
    """Outputs that are all the same have no gradient."""
    layers = DIGITS["layers"] | {"dead": {"type": "clamp", "min": 0.0, "max": 0.0}}
    with pytest.raises(GraphspecError, match=r"not-learning.*the loss of one batch is 2.303 at first and 2.303 after"):
        before_training.overfit_batch(DIGITS | {"layers": layers}, device="cpu")
