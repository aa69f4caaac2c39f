"""Folds: one run each, measured where it was not trained; mean and spread; shared between processes; test sealed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GroupKFold

import graphspec
from graphspec.diagnostics import GraphspecError
from graphspec.system.lock import Lock
from graphspec.training.folds import FoldsReport

GROUPS = np.arange(63) % 9
X = np.random.default_rng(0).normal(size=(63, 2))
Y = X @ [1.0, -2.0] + 0.5 + 0.1 * np.random.default_rng(1).normal(size=63)


def spec(root: Path, **data: Any) -> dict[str, Any]:
    rows = [f"{g},{a!r},{b!r},{y!r}" for g, (a, b), y in zip(GROUPS.tolist(), X.tolist(), Y.tolist(), strict=True)]
    (root / "t.csv").write_text("who,a,b,y\n" + "\n".join(rows) + "\n")
    return {
        "graphspec": 1, "inputs": {"x": ["N", 2]}, "layers": {"fc": {"type": "Linear", "out_features": 1}},
        "data": {
            "dataset": {"type": "csv", "file": "t.csv", "target": "y"}, "split": {"group": "who"}, "folds": 3,
            "test": 0, "batch_size": 42, **data,
        },
        "train": {
            "epochs": 40, "loss": "MSELoss", "optimizer": {"type": "LBFGS", "lr": 1.0}, "metrics": ["mae"],
        },
    }  # fmt: skip


def trained(root: Path, **options: Any) -> FoldsReport:
    report = graphspec.train(spec(root), run=root / "cv", data=root, **options)
    assert isinstance(report, FoldsReport)
    return report


def test_mean_and_spread_are_those_of_scikit_learns_folds(tmp_path: Path) -> None:
    report = trained(tmp_path)
    expected = []
    for kept, measured in GroupKFold(3).split(X, Y, GROUPS):
        model = LinearRegression().fit(X[kept], Y[kept])
        expected.append(float(np.abs(model.predict(X[measured]) - Y[measured]).mean()))
    found = report.metrics["validation"]["mae"]
    assert found["folds"] == pytest.approx(expected, rel=1e-3)
    assert found["mean"] == pytest.approx(np.mean(expected), rel=1e-3)
    assert found["std"] == pytest.approx(np.std(expected, ddof=1), rel=1e-2)
    assert json.loads((tmp_path / "cv" / "folds.json").read_text()) == report.as_dict()
    assert list(report.metrics) == ["train", "validation"]


def test_folds_that_are_done_are_not_trained_again(tmp_path: Path) -> None:
    trained(tmp_path, epochs=1)
    before = (tmp_path / "cv" / "fold-1" / "best.safetensors").stat().st_mtime_ns
    with pytest.raises(GraphspecError, match=r"run-exists.*holds folds already"):
        trained(tmp_path, epochs=1)
    (tmp_path / "cv" / "fold-0" / "evaluation.json").unlink()
    assert len(trained(tmp_path, epochs=1, resume=True).runs) == 3
    assert (tmp_path / "cv" / "fold-1" / "best.safetensors").stat().st_mtime_ns == before


def test_a_fold_that_another_process_trains_is_left_to_it(tmp_path: Path) -> None:
    (tmp_path / "cv" / "fold-1").mkdir(parents=True)
    lock = Lock.take(tmp_path / "cv" / "fold-1" / ".lock")
    assert lock is not None
    report = trained(tmp_path, epochs=1, resume="auto")
    assert [path.name for path in report.runs] == ["fold-0", "fold-2"]
    assert not (tmp_path / "cv" / "folds.json").exists()
    lock.release()
    assert len(trained(tmp_path, epochs=1, resume="auto").runs) == 3


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        ({"folds": 100, "split": "random"}, "s.json:", "for 100 folds"),
        ({"split": "random"}, "s.json:", 'the input "x" 2'),  # the groups' column is a feature then
    ],
)
def test_what_is_wrong_in_a_fold_has_its_place_in_the_file(data: Any, place: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(spec(tmp_path, **data), indent=1))
    with pytest.raises(GraphspecError, match=message) as caught:
        graphspec.train(tmp_path / "s.json", run=tmp_path / "cv", data=tmp_path)
    assert f"{place}" in str(caught.value)
    assert "^" in str(caught.value)


@pytest.mark.slow
def test_the_command_line_shows_mean_and_spread(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(spec(tmp_path)))
    command = [sys.executable, "-m", "graphspec", "train", "s.json", "--data", ".", "--epochs", "2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Folds  3 of 3, mean ± standard deviation; the test part stays sealed" in done.stdout
    assert "fold 2 of 0 to 2" in done.stderr
    assert done.stdout.count("±") == 5
