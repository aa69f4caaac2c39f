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
