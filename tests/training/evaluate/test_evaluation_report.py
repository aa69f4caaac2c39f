"""Evaluation: figures are scikit-learn's over the network's own answers, and the pictures that show them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn import metrics as theirs
from sklearn.calibration import calibration_curve

from graphspec import GraphspecWarning, compiler, pipeline
from graphspec.training import load_weights, read_weights
from graphspec.training.evaluate.measure import measure
from graphspec.training.metrics.scores import reliability_bins
from graphspec.training.plots.chosen_plots import worst_errors
from graphspec.training.prepare import load_data, make_learner

Fit = Callable[..., Any]
CPU = torch.device("cpu")


def answers(spec: Any, run: Path, part: str = "test") -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs and targets of the best weights on a part, computed by hand."""
    network = compiler.load(spec)
    shaped = network.shaped
    module = network.module.eval()
    load_weights(module, read_weights(run))
    batch = load_data(shaped.spec).batch(10**6, part)  # type: ignore[arg-type]
    with torch.no_grad():
        return module(*batch.inputs.values()), next(iter(batch.targets.values()))


def test_figures_by_class_are_scikit_learns(digits: dict[str, Any], fit: Fit, tmp_path: Path) -> None:
    report = fit(digits).evaluation
    outputs, truth = answers(digits, tmp_path / "run")
    predicted = outputs.argmax(1)
    assert report.confusion == theirs.confusion_matrix(truth, predicted).tolist()
    table = theirs.precision_recall_fscore_support(truth, predicted, zero_division=0)
    for i, (name, row) in enumerate(report.per_class.items()):
        assert name == str(i)
        assert [row[key] for key in ("precision", "recall", "f1", "support")] == pytest.approx([c[i] for c in table])
    assert report.parts["test"]["accuracy"] == pytest.approx(theirs.accuracy_score(truth, predicted))


def test_every_sample_is_measured_once_and_the_mode_is_kept(digits: dict[str, Any]) -> None:
    network = compiler.load(digits)
    shaped = network.shaped
    data, module = load_data(shaped.spec), compiler.build(shaped)
    learner = make_learner(network.with_module(module), data, CPU, epochs=1)
    found = measure(learner, data.batches("train"), keep=True)
    assert module.training
    assert found.metrics == measure(learner, data.batches("train")).metrics
    assert found.samples == len(data.train)
    (each,) = found.predictions.values()
    assert torch.equal(each.targets, data.train.targets["label"])
    with torch.no_grad():
        assert torch.allclose(each.outputs, module.eval()(data.train.inputs["image"]), atol=1e-5)


def test_a_run_measures_a_sample_of_a_large_training_part(
    digits: dict[str, Any], fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sys.modules["graphspec.training.evaluate.evaluate"], "SAMPLED", 100
    )  # the function has that name too
    ended = fit(digits).evaluation
    assert ended.samples == {"train": (100, 1294), "validation": (144, 144), "test": (359, 359)}
    whole = pipeline.evaluate(tmp_path / "run", device="cpu")
    assert whole.samples["train"] == (1294, 1294)
    assert whole.parts["test"] == ended.parts["test"]
    assert abs(whole.parts["train"]["accuracy"] - ended.parts["train"]["accuracy"]) < 0.1
    again = json.loads((tmp_path / "run/evaluation.json").read_text())
    assert again["samples"]["train"] == [1294, 1294]


def pictures(run: Path) -> set[str]:
    found = set(run.glob("*.png"))
    for path in found:
        image = np.asarray(Image.open(path).convert("L"))
        assert min(image.shape) > 250
        assert image.std() > 5, f"{path.name} is empty"
    return {path.stem for path in found}


def test_pictures_of_a_classifier(digits: dict[str, Any], fit: Fit, tmp_path: Path) -> None:
    fit(digits)
    assert pictures(tmp_path / "run") == {"curves", "confusion_matrix"}
    report = pipeline.evaluate(tmp_path / "run", device="cpu")
    names = {"curves", "confusion_matrix", "classes", "reliability", "errors"}
    assert pictures(tmp_path / "run") == {path.stem for path in report.files} == names


@pytest.mark.parametrize(
    ("dataset", "shape", "outputs", "picture"),
    [("diabetes", [10], 1, "predictions"), ("line", [1], 1, "fit")],
)
def test_pictures_of_a_regression(
    dataset: str, shape: list[int], outputs: int, picture: str, fit: Fit, tmp_path: Path
) -> None:
    spec = {
        "graphspec": 1,
        "inputs": {"x": ["N", *shape]},
        "layers": {"y": {"type": "Linear", "out_features": outputs}},
        "data": {"dataset": dataset},
        "train": {"epochs": 1, "loss": "MSELoss"},
    }
    fit(spec)
    pipeline.evaluate(tmp_path / "run", device="cpu")
    assert pictures(tmp_path / "run") == {"curves", picture}


def test_pictures_of_several_outputs_have_their_names(fit: Fit, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    np.savez(
        tmp_path / "a.npz", x=random.normal(size=(60, 4)), kind=np.arange(60) % 3, place=random.normal(size=(60, 2))
    )
    spec = {
        "graphspec": 1,
        "inputs": {"x": ["N", 4]},
        "layers": {
            "a": {"type": "Linear", "out_features": 3},
            "b": {"type": "Linear", "from": "x", "out_features": 2},
        },
        "outputs": {"kind": "a", "place": "b"},
        "data": {"dataset": {"type": "npz", "file": "a.npz", "targets": ["kind", "place"]}, "batch_size": 8},
        "train": {
            "epochs": 1,
            "loss": [{"type": "CrossEntropyLoss", "output": "kind"}, {"type": "MSELoss", "output": "place"}],
        },
    }
    report = fit(spec, data=tmp_path).evaluation
    assert pictures(tmp_path / "run") == {"curves", "kind_confusion_matrix", "place_predictions"}
    assert list(report.per_class) == ["0", "1", "2"]


def test_a_run_whose_pictures_fail_ends_with_everything_else(fit: Fit, tmp_path: Path) -> None:
    """Class names are no formulas; a folder has the name of a picture."""
    names = ["$x^{$", r"$\\foo$", "$$", "\x1b[2Jcat"]
    rows = [f"{i % 7},{i % 4},{names[i % 4]}" for i in range(80)]
    (tmp_path / "table.csv").write_text("\n".join(["a,b,kind", *rows]))
    spec = {
        "graphspec": 1,
        "inputs": {"x": ["N", 2]},
        "layers": {"logits": {"type": "Linear", "out_features": 4}},
        "data": {"dataset": {"type": "csv", "file": "table.csv", "target": "kind"}},
        "train": {"epochs": 1},
    }
    run = tmp_path / "run"
    fit(spec, data=tmp_path)
    assert {path.name for path in run.glob("*.png")} == {"curves.png", "confusion_matrix.png"}
    (run / "confusion_matrix.png").unlink()
    (run / "confusion_matrix.png").mkdir()
    (run / "evaluation.json").unlink()
    with pytest.warns(GraphspecWarning, match=r"unwritable.*confusion_matrix\.png cannot be drawn"):
        report = pipeline.evaluate(run, device="cpu", data=tmp_path)
    assert {"accuracy", "loss"} <= set(report.parts["train"])
    assert (run / "evaluation.json").is_file()
    assert [path.name for path in report.files] == ["curves.png", "classes.png", "reliability.png"]


def test_the_worst_errors_are_the_most_confident_ones() -> None:
    confidence = torch.tensor([0.9, 0.5, 0.99, 0.7, 0.8])
    right = torch.tensor([False, False, True, False, True])
    assert worst_errors(confidence, right).tolist() == [0, 3, 1]
    assert len(worst_errors(torch.rand(500), torch.zeros(500, dtype=torch.bool))) == 24


def test_reliability_is_scikit_learns_calibration_curve() -> None:
    draw = torch.Generator().manual_seed(0)
    confidence = torch.rand(5000, generator=draw, dtype=torch.float64)
    right = torch.rand(5000, generator=draw) < confidence**1.5
    count, hits, sure = reliability_bins(confidence, right, 10)
    accuracy, mean = calibration_curve(right.numpy(), confidence.numpy(), n_bins=10)
    assert np.allclose(hits / count, accuracy)
    assert np.allclose(sure / count, mean)
    assert count.sum() == 5000


def test_the_matrix_of_very_many_classes_is_neither_written_nor_drawn(tmp_path: Path) -> None:
    spec = {
        "graphspec": 1, "inputs": {"x": ["N", 2]}, "layers": {"fc": {"type": "Linear", "out_features": 1001}},
        "data": {"dataset": "arrays"}, "train": {"epochs": 1, "loss": "CrossEntropyLoss", "optimizer": "SGD"},
    }  # fmt: skip
    data = np.zeros((4004, 2), np.float32), np.arange(4004) % 1001
    report = pipeline.train(spec, run=tmp_path / "run", data=data)
    whole = pipeline.evaluate(tmp_path / "run", data=data)
    assert report.evaluation is not None
    for found in (report.evaluation, whole):
        assert found.confusion is None
        assert found.per_class is not None
        assert len(found.per_class) == 1001
        assert "confusion_matrix.png" not in {path.name for path in found.files}
    assert "classes.png" in {path.name for path in whole.files}
