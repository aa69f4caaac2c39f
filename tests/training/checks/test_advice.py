"""A run that ends with finite numbers and has gone wrong says so in one sentence; one that is right says nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphspec.diagnostics import GraphspecWarning
from graphspec.training.checks.advice import LossTrend

HIDDEN = {"hidden": {"type": "Linear", "out_features": 16}, "relu": "ReLU", "fc": {"type": "Linear", "out_features": 3}}


def iris(lr: float, **train: Any) -> dict[str, Any]:
    return {
        "graphspec": 1, "inputs": {"x": ["N", 4]}, "layers": HIDDEN, "data": {"dataset": "iris", "batch_size": 16},
        "train": {"epochs": 10, "optimizer": {"type": "SGD", "lr": lr, "momentum": 0.9}, "metrics": ["accuracy"]}
        | train,
    }  # fmt: skip


def test_a_loss_that_grew_is_said(fit: Any) -> None:
    with pytest.warns(
        GraphspecWarning, match=r"loss has grown from .* before the first update to .* smaller lr \(now 1000\)"
    ):
        report = fit(iris(1000.0))
    assert "diverges" in report.as_dict()["advice"]


def test_the_last_update_of_a_short_run_is_looked_at(fit: Any) -> None:
    """Of two batches only the second is computed after an update."""
    spec = iris(1000.0, epochs=1, loss="MSELoss")
    spec["data"]["batch_size"] = 54
    with pytest.warns(GraphspecWarning, match=r"the loss has grown from"):
        fit(spec)


@pytest.mark.parametrize(("batch_size", "lr"), [(1, 0.002), (16, 0.05), (16, 0.01), (108, 0.1)])
def test_a_run_that_learns_says_nothing(batch_size: int, lr: float, fit: Any) -> None:
    spec = iris(lr)
    spec["data"]["batch_size"] = batch_size
    assert fit(spec).advice == ""


def test_nothing_learned_is_said(fit: Any) -> None:
    spec = iris(1e-9, epochs=20)
    with pytest.warns(GraphspecWarning, match=r"nothing was learned; --overfit-batch"):
        fit(spec)


def test_a_mean_is_nothing_learned(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, fit: Any) -> None:
    random = np.random.default_rng(0)
    np.savez(tmp_path / "noise.npz", x=random.normal(size=(200, 4)).astype("float32"), y=random.normal(size=(200, 1)))
    monkeypatch.chdir(tmp_path)
    spec = iris(0.01, loss="MSELoss", epochs=20, metrics=["r2"])
    spec["layers"] = {"fc": {"type": "Linear", "out_features": 1}}
    spec["data"] = {"dataset": {"type": "npz", "file": "noise.npz"}, "root": ".", "batch_size": 16}
    with pytest.warns(GraphspecWarning, match=r"of always predicting the mean: nothing was learned"):
        fit(spec)


def test_what_is_learned_by_heart_is_said(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, fit: Any) -> None:
    random = np.random.default_rng(0)
    labels = np.where(random.random(120) < 0.25, random.integers(0, 3, 120), np.arange(120) % 3)
    x = random.normal(size=(120, 20)) + 0.5 * (np.arange(120) % 3)[:, None]
    np.savez(tmp_path / "few.npz", x=x.astype("float32"), y=labels)
    monkeypatch.chdir(tmp_path)
    spec = iris(0.2, epochs=40)
    spec["inputs"] = {"x": ["N", 20]}
    spec["data"] = {"dataset": {"type": "npz", "file": "few.npz"}, "root": ".", "batch_size": 16, "validation": 0.3}
    with pytest.warns(GraphspecWarning, match=r"validation loss has risen from .* it overfits"):
        fit(spec)


@pytest.mark.parametrize(
    ("losses", "grown"),
    [
        ([1.0, 0.9, 0.5, 0.2], False),
        ([1.0, 5.0, 9.0, 700.0], True),
        ([1.0, 0.9, 1e6, 0.8, 0.7], False),  # one sample far out
        ([0.0, 1e-9, 1e-8], False),
        ([0.0, 1.0, 1.1, 0.9], False),  # nothing in the first batch counted
        ([-0.56, -0.54, -0.55, -0.54], False),
        ([-0.5, 2.0, 3.0, 9.0], True),
        ([], False),
    ],
)
def test_most_batches_of_an_epoch_decide(losses: list[float], grown: bool) -> None:
    trend = LossTrend()
    for loss in losses:
        trend.add(loss)
    assert trend.grown is grown
    trend.begin_epoch()
    assert not trend.grown
