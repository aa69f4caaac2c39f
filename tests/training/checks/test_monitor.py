"""A monitored metric without a value is said once, before the first step, and the loss decides instead."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from graphspec.diagnostics import GraphspecWarning
from graphspec.display import metric_tables


@pytest.fixture
def rare(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a spec of 60 samples of three classes, the last of which occurs nowhere."""
    random = np.random.default_rng(0)
    labels = np.arange(60) % 2
    np.savez(tmp_path / "rare.npz", x=random.normal(size=(60, 3)).astype("float32") + labels[:, None], y=labels)
    monkeypatch.chdir(tmp_path)

    def spec(**train: Any) -> dict[str, Any]:
        return {
            "graphspec": 1, "inputs": {"x": ["N", 3]}, "layers": {"fc": {"type": "Linear", "out_features": 3}},
            "data": {"dataset": {"type": "npz", "file": "rare.npz", "classes": 3}, "root": ".", "batch_size": 8,
                     "validation": 0.3},
            "train": {"epochs": 12, "metrics": ["roc_auc", "accuracy"], "optimizer": {"type": "Adam", "lr": 0.05}}
            | train,
        }  # fmt: skip

    return spec


def said(fit: Any, spec: Any) -> tuple[Any, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", GraphspecWarning)
        report = fit(spec)
    return report, [str(each.message) for each in caught if "monitored" in str(each.message)]


def test_the_loss_decides_and_it_is_said_once(rare: Any, fit: Any) -> None:
    report, messages = said(fit, rare(early_stopping=3))
    assert len(messages) == 1
    assert 'no sample of the class "2", without which "roc_auc" has no value' in messages[0]
    assert report.monitor == "loss"
    losses = [row["validation_loss"] for row in report.history]
    assert report.best_epoch == 1 + losses.index(min(losses)) > 5


NEVER = np.repeat([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], 30, 0).astype("float32")


@pytest.mark.parametrize(
    ("metric", "y", "reason"),
    [
        ("roc_auc", NEVER, 'no sample with the label "2", and without one'),
        ("roc_auc", 1 - NEVER, 'no sample without the label "2", and without one'),
        ("average_precision", NEVER * 0, "no label applies in the validation part, without which"),
        ("f1", NEVER * 0, "no label applies in the validation part, without which"),
        ("r2", np.full((60, 1), 3, "float32"), '"y" is 3 in every sample of the validation part, of which'),
    ],
)
def test_what_no_epoch_can_change_is_not_monitored(rare: Any, fit: Any, metric: str, y: Any, reason: str) -> None:
    """A figure that is always 0, or none, would drive ReduceLROnPlateau to zero, and end a run early."""
    np.savez("rare.npz", x=np.random.default_rng(0).normal(size=(60, 3)).astype("float32"), y=y)
    loss = "MSELoss" if metric == "r2" else "BCEWithLogitsLoss"
    spec = rare(metrics=[metric], loss=loss, epochs=1)
    spec["data"]["dataset"].pop("classes")
    spec["layers"]["fc"]["out_features"] = y.shape[1]
    report, messages = said(fit, spec)
    assert report.monitor == "loss"
    assert f'{reason} "{metric}" has no value' in messages[0]


@pytest.mark.parametrize(("metric", "loss", "y"), [("f1", "BCEWithLogitsLoss", NEVER), ("r2", "MSELoss", NEVER)])
def test_what_some_columns_tell_is_monitored(rare: Any, fit: Any, metric: str, loss: str, y: Any) -> None:
    np.savez("rare.npz", x=np.random.default_rng(0).normal(size=(60, 3)).astype("float32"), y=y)
    spec = rare(metrics=[metric], loss=loss, epochs=1)
    spec["data"]["dataset"].pop("classes")
    assert said(fit, spec)[0].monitor == metric


def test_a_plateau_is_one_of_the_loss(rare: Any, fit: Any) -> None:
    """With a value that is none, every epoch would be one without progress."""
    report, _ = said(
        fit, rare(scheduler={"type": "ReduceLROnPlateau", "patience": 5}, optimizer={"type": "Adam", "lr": 0.01})
    )
    assert report.history[-1]["lr"] == 0.01


def test_early_stopping_without_a_validation_part_is_said(rare: Any, fit: Any) -> None:
    spec = rare(early_stopping=1, metrics=["accuracy"])
    spec["data"]["validation"] = 0
    with pytest.warns(GraphspecWarning, match=r"no-data.*early_stopping does not end the run"):
        assert fit(spec).epochs == 12


def test_what_has_a_value_is_monitored(rare: Any, fit: Any) -> None:
    report, messages = said(fit, rare(monitor="accuracy"))
    assert not messages
    assert report.monitor == "accuracy"


@pytest.mark.parametrize(
    ("validation", "said_of_it"), [(0.3, "by validation accuracy"), (0, "the last one: there is no")]
)
def test_what_chose_the_best_epoch_is_shown(validation: float, said_of_it: str, rare: Any, fit: Any) -> None:
    spec = rare(metrics=["accuracy"])
    spec["data"]["validation"] = validation
    assert said_of_it in " ".join(str(line) for line in metric_tables.trained(fit(spec)))
