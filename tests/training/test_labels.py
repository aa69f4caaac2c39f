"""Several labels a sample: targets of any dtype, figures of each and of all, thresholds, and what is predicted."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn import metrics as sklearn

from graphspec import pipeline
from graphspec.data import data_of
from graphspec.diagnostics import GraphspecError
from graphspec.training.evaluate.thresholds import best_threshold

Fit = Callable[..., Any]
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(300, 4)).astype(np.float32)
#: The third label is rare.
Y = (X[:, :3] + 0.7 * RANDOM.normal(size=(300, 3)) > [0, 0.3, 1.4]).astype(int)
METRICS = [
    "accuracy", "f1", "precision", "recall", "average_precision", "roc_auc", "mse",
    {"type": "f1", "average": "weighted"}, {"type": "average_precision", "average": "weighted"},
]  # fmt: skip


def spec(folder: Path, y: np.ndarray = Y, loss: str = "BCEWithLogitsLoss", **train: Any) -> dict[str, Any]:
    np.savez(folder / "d.npz", x=X, y=y)
    layers: dict[str, Any] = {"out": {"type": "Linear", "out_features": y.shape[1]}}
    dataset = {"type": "npz", "file": "d.npz", "names": ["red", "round", "rare"][: max(2, y.shape[1])]}
    return {
        "graphspec": 1, "name": "labels", "inputs": {"x": ["N", 4]},
        "layers": layers | ({"share": "Sigmoid"} if loss == "BCELoss" else {}),
        "data": {"dataset": dataset, "root": ".", "batch_size": 50, "validation": 0.3, "test": 0.2},
        "train": {"epochs": 5, "loss": loss, "optimizer": {"type": "Adam", "lr": 0.05}, "metrics": METRICS} | train,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def shares(run: Path) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities and the labels of the whole test part, by prediction."""
    found = pipeline.predict(run, count=60)
    names = list(found[0].labels or {})
    true = [[name in each.target.split(", ") for name in names] for each in found]
    return np.array([list((each.labels or {}).values()) for each in found]), np.array(true)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float32, np.uint8], ids=["int", "bool", "float", "byte"])
@pytest.mark.parametrize("loss", ["BCEWithLogitsLoss", "BCELoss", "MultiLabelSoftMarginLoss"])
def test_figures_are_scikit_learns(dtype: Any, loss: str, fit: Fit, tmp_path: Path) -> None:
    found = fit(spec(tmp_path, Y.astype(dtype), loss)).metrics["test"]
    share, true = shares(tmp_path / "run")
    given = share > 0.5
    expected = {
        "accuracy": sklearn.accuracy_score(true, given),
        "f1": sklearn.f1_score(true, given, average="macro", zero_division=0),
        "f1_weighted": sklearn.f1_score(true, given, average="weighted", zero_division=0),
        "precision": sklearn.precision_score(true, given, average="macro", zero_division=0),
        "recall": sklearn.recall_score(true, given, average="macro", zero_division=0),
        "average_precision": sklearn.average_precision_score(true, share),
        "average_precision_weighted": sklearn.average_precision_score(true, share, average="weighted"),
        "roc_auc": sklearn.roc_auc_score(true, share),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-5)


def test_thresholds_by_validation_are_kept_used_and_predicted_with(fit: Fit, tmp_path: Path) -> None:
    plain = fit(spec(tmp_path), tmp_path / "plain").evaluation
    tuned = fit(spec(tmp_path, thresholds="validation")).evaluation
    assert tuned.parts["validation"]["f1"] > plain.parts["validation"]["f1"]
    thresholds = json.loads((tmp_path / "run" / "learned.json").read_text())["thresholds"]["y"]
    assert [row["threshold"] for row in tuned.per_class.values()] == pytest.approx(thresholds)
    share, true = shares(tmp_path / "run")
    f1 = sklearn.f1_score(true, share > thresholds, average="macro")
    assert tuned.parts["test"]["f1"] == pytest.approx(f1, abs=1e-6)
    first = pipeline.predict(tmp_path / "run", count=1)[0]
    names = [name for name, given in zip(first.labels or {}, share[0] > thresholds, strict=True) if given]
    assert first.label == (", ".join(names) or "none")


def test_one_column_of_whole_numbers_is_a_class(fit: Fit, tmp_path: Path) -> None:
    report = fit(spec(tmp_path, Y[:, :1], metrics=["accuracy", "f1"]) | {"outputs": ["out"]})
    assert report.evaluation.classes == ("red", "round")


@pytest.mark.parametrize("seed", range(4))
def test_the_best_threshold_is_that_of_every_one_tried(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    share = (torch.rand(60, generator=draw, dtype=torch.float64) * 12).round() / 12  # ties
    true = torch.rand(60, generator=draw) < 0.3
    found = sklearn.f1_score(true, share > best_threshold(share, true))
    assert found == max(sklearn.f1_score(true, share > at, zero_division=0) for at in torch.arange(-1, 24) / 24)


def test_each_label_has_its_figures_and_pictures(fit: Fit, tmp_path: Path) -> None:
    evaluation = fit(spec(tmp_path)).evaluation
    assert list(evaluation.per_class) == ["red", "round", "rare"]
    share, true = shares(tmp_path / "run")
    assert [row["average_precision"] for row in evaluation.per_class.values()] == pytest.approx(
        sklearn.average_precision_score(true, share, average=None).tolist(), abs=1e-5
    )
    assert "classes.png" in {path.name for path in evaluation.files}


@pytest.mark.parametrize(
    ("y", "train", "said"),
    [
        (Y * 2, {"metrics": []}, "takes targets from 0 to 1"),
        (X[:, :3], {"loss": "MSELoss", "metrics": ["f1"]}, '"f1" is a metric for classes'),
        (Y, {"metrics": ["iou"]}, '"iou" is a metric for classes'),
        (X[:, :3], {"loss": "MSELoss", "metrics": [], "thresholds": "validation"}, "thresholds are of labels"),
    ],
    ids=["another number", "values", "no positions", "thresholds of values"],
)
def test_what_does_not_fit_is_said(y: np.ndarray, train: dict[str, Any], said: str, fit: Fit, tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=said):
        fit(spec(tmp_path, y, **train))


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["BCEWithLogitsLoss", "BCELoss"])
def test_the_lines_of_the_readme_give_the_labels_that_apply(loss: str, fit: Fit, tmp_path: Path) -> None:
    """Those of model.onnx and of pipeline.onnx, by the thresholds of the run, with and without a sigmoid."""
    fit(spec(tmp_path, loss=loss, thresholds="validation") | {"export": {"formats": ["onnx", "pipeline"]}})
    bundle = pipeline.export(tmp_path / "run", tmp_path / "export")
    text, thresholds = (bundle.folder / "README.md").read_text(), bundle.manifest["decision"]["thresholds"]
    assert f"| 2 | rare | {thresholds[2]:g} |" in text
    whole, raw = (re.search(f"## {title}.*?```python\n(.*?)```", text, re.S) for title in ("Python", "pipeline"))
    rows = np.load(bundle.folder / "sample.npz")["x"]
    expected = [each.label for each in pipeline.predict(bundle, {"x": rows})]
    assert {"none", "red"} & {*expected}
    for lines in (whole, raw):
        assert lines
        code = lines[1] if lines is whole else lines[1].replace(_PIPELINE_ROWS, 'np.load("sample.npz")["x"]')
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=bundle.folder, capture_output=True, text=True, check=True
        )
        assert [", ".join(each) or "none" for each in ast.literal_eval(done.stdout)] == expected
    assert repr([[] if each == "none" else each.split(", ") for each in expected]) in text


_PIPELINE_ROWS = 'np.load("pipeline_golden.npz")["0.input.x"]'


@pytest.mark.slow
def test_an_export_predicts_with_the_thresholds_of_its_run(fit: Fit, tmp_path: Path) -> None:
    made = spec(tmp_path, thresholds="validation")
    fit(made | {"export": {"formats": ["onnx", "pipeline"]}})
    bundle = pipeline.export(tmp_path / "run", tmp_path / "export")
    of_run, of_export = (pipeline.predict(folder, count=12) for folder in (tmp_path / "run", bundle))
    assert [each.label for each in of_export] == [each.label for each in of_run]
    session = onnxruntime.InferenceSession(str(bundle.path("pipeline")), providers=["CPUExecutionProvider"])
    (shares,) = session.run(["probabilities"], {"x": data_of(made).test.open().inputs["x"].numpy()[:12]})
    assert shares == pytest.approx(np.array([list((each.labels or {}).values()) for each in of_run]), abs=1e-6)
