"""A search whose trials have folds: a trial's value is scikit-learn's mean over them, the test part stays sealed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupKFold, KFold, cross_val_score

import graphspec
from graphspec.data import data_of
from graphspec.diagnostics import GraphspecError
from graphspec.tuning.tune_report import TuneReport

GROUPS = np.arange(60) % 9
X = np.random.default_rng(0).normal(size=(60, 2))
Y = X @ [1.0, -2.0] + 0.5 + 0.1 * np.random.default_rng(1).normal(size=60)


def spec(root: Path, **data: Any) -> dict[str, Any]:
    """A linear regression with and without a bias, each on all folds."""
    rows = [f"{g},{a!r},{b!r},{y!r}" for g, (a, b), y in zip(GROUPS.tolist(), X.tolist(), Y.tolist(), strict=True)]
    (root / "t.csv").write_text("who,a,b,y\n" + "\n".join(rows) + "\n")
    return {
        "graphspec": 1, "inputs": {"x": ["N", 2]}, "layers": {"fc": {"type": "Linear", "out_features": 1}},
        "data": {
            "dataset": {"type": "csv", "file": "t.csv", "target": "y", "columns": ["a", "b"]}, "folds": 3, "test": 0,
            "batch_size": 30, **data,
        },
        "train": {"epochs": 3, "loss": "MSELoss", "optimizer": {"type": "LBFGS", "lr": 1.0}, "metrics": ["mae"]},
        "tune": {
            "sampler": "GridSampler", "pruner": "NopPruner", "space": {"layers.fc.bias": {"choices": [True, False]}},
        },
    }  # fmt: skip


def searched(root: Path, made: dict[str, Any], **options: Any) -> TuneReport:
    return graphspec.tune(made, run=root / "study", data=root, device="cpu", **options)


def test_a_trials_value_is_scikit_learns_mean_over_the_folds(tmp_path: Path) -> None:
    report = searched(tmp_path, spec(tmp_path, split={"group": "who"}, batch_size=40))
    assert report.counts == {"complete": 2}
    for trial in report.trials:
        model = LinearRegression(fit_intercept=trial.values["layers.fc.bias"])
        scores = -cross_val_score(model, X, Y, groups=GROUPS, cv=GroupKFold(3), scoring="neg_mean_absolute_error")
        assert trial.value == pytest.approx(scores.mean(), rel=1e-3)
        noted = json.loads((tmp_path / "study" / "trials" / str(trial.number) / "folds.json").read_text())
        assert noted["metrics"]["validation"]["mae"]["folds"] == pytest.approx(scores, rel=1e-3)
        assert noted["metrics"]["validation"]["mae"]["std"] == pytest.approx(scores.std(ddof=1), rel=1e-2)
    assert report.trials[report.best].values == {"layers.fc.bias": True}
    assert report.folds.metrics["validation"]["mae"]["mean"] == report.trials[report.best].value
    assert (report.evaluation, report.unit) == (None, "folds")
    rows = list(csv.DictReader((tmp_path / "study" / "trials.csv").open()))
    assert [row["folds"] for row in rows] == ["3", "3"]


def test_every_row_but_the_test_parts_is_measured_once_in_a_trial(tmp_path: Path) -> None:
    """The sizes are KFold's; what the search never sees is what one run tests on."""
    made = spec(tmp_path, test=0.25)
    sealed = {tuple(row) for row in data_of(made, tmp_path).test.open().inputs["features"].tolist()}
    sizes, seen = [], []
    for number in range(3):
        part = data_of(made | {"data": made["data"] | {"fold": number}}, tmp_path)
        sizes.append(len(part.validation))
        seen += [tuple(row) for row in part.validation.inputs["features"].tolist()]
    assert sizes == [len(measured) for _, measured in KFold(3).split(np.zeros(45))]
    assert len(set(seen)) == 45
    assert not sealed & set(seen)
    assert list(searched(tmp_path, made).folds.metrics) == ["train", "validation"]


def test_a_search_goes_on_with_the_folds_that_are_not_done(tmp_path: Path) -> None:
    made = spec(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, made, say=_stop)
    assert len(searched(tmp_path, made, resume=True).trials) == 2
    with pytest.raises(GraphspecError, match="holds a study already"):
        searched(tmp_path, made)


def _stop(line: str) -> None:
    raise KeyboardInterrupt


def test_trials_that_stay_behind_end_after_a_fold(tmp_path: Path) -> None:
    made = spec(tmp_path)
    pruner = {"type": "ThresholdPruner", "upper": 0.2}
    made["tune"] |= {"pruner": pruner, "space": {"layers.fc.bias": {"choices": [True, False]}}}
    lines: list[str] = []
    report = searched(tmp_path, made, say=lines.append)
    (pruned,) = [trial for trial in report.trials if trial.state == "pruned"]
    assert (pruned.folds, pruned.epochs) == (1, 0)
    assert any("pruned after fold 1" in line for line in lines)
    assert not (tmp_path / "study" / "trials" / str(pruned.number) / "fold-1").exists()
