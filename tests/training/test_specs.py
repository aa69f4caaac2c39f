"""The specs of specs/ learn what they teach."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from graphspec import pipeline
from graphspec.data import data_of, load
from graphspec.predicting.mask_files import write_masks
from graphspec.spec.data import DataSpec

SPECS = Path(__file__).parents[2] / "specs"
ROOT = Path(__file__).parents[2] / "data"
Fit = Callable[..., Any]
needs_fashion = pytest.mark.skipif(
    not (ROOT / "FashionMNIST/raw/train-images-idx3-ubyte").is_file(),
    reason="data/FashionMNIST/raw is not there: run `make data` where Debian's dataset-fashion-mnist is installed",
)


@pytest.mark.slow
def test_digits(fit: Fit) -> None:
    assert fit(SPECS / "digits.toml").metrics["test"]["accuracy"] > 0.97


@pytest.mark.slow
def test_a_series_is_forecast_far_better_than_by_the_day_before(fit: Fit) -> None:
    figures = fit(SPECS / "series.toml").metrics
    assert figures["test"]["mae"] < 0.6 * figures["naive"]["mae"]


@pytest.mark.slow
def test_a_unet_goes_from_raw_pixels_to_a_mask(fit: Fit, tmp_path: Path) -> None:
    """Trained, evaluated, predicted with, exported, verified; a picture of another size than those of training."""
    run = tmp_path / "run"
    report = fit(SPECS / "segmentation.toml")
    assert report.metrics["test"]["iou"] > 0.9
    assert "masks.png" in {path.name for path in report.evaluation.files}
    bundle = pipeline.export(run, tmp_path / "export")
    pixels = data_of(SPECS / "segmentation.toml").test.open().inputs["image"][0]
    picture = Image.fromarray(pixels.permute(1, 2, 0).numpy()).resize((48, 64))
    picture.save(tmp_path / "picture.png")
    (predicted,) = pipeline.predict(run, [tmp_path / "picture.png"])
    session = onnxruntime.InferenceSession(str(bundle.path("pipeline")), providers=["CPUExecutionProvider"])
    label, probabilities = session.run(None, {session.get_inputs()[0].name: np.asarray(picture)[None]})
    assert label.shape == (1, 64, 48)
    assert probabilities.shape == (1, 3, 64, 48)
    assert (label[0] == np.array(predicted.classes)).mean() > 0.999
    (path,) = write_masks([predicted], tmp_path / "masks")
    assert np.array_equal(np.array(Image.open(path)), np.array(predicted.classes))


def loss_of_trigrams(train: torch.Tensor, text: torch.Tensor, ids: int, weight: float) -> float:
    """Nats a character of a model of two characters before it, each count backed by `weight` of the shorter model's."""
    one, two, three = torch.zeros(ids), torch.zeros(ids, ids), torch.zeros(ids, ids, ids)
    for counts, length in ((one, 1), (two, 2), (three, 3)):
        runs = train.unfold(0, length, 1)
        counts.index_put_(tuple(runs.t()), torch.ones(len(runs)), accumulate=True)
    shares = torch.full((ids,), 1 / ids)
    for counts in (one, two, three):
        shares = (counts + weight * shares) / (counts.sum(-1, keepdim=True) + weight)
    return -shares[tuple(text.unfold(0, 3, 1).t())].log().mean().item()


@pytest.mark.slow
def test_a_small_gpt_beats_every_trigram_model(fit: Fit) -> None:
    data = data_of(SPECS / "char_gpt.toml")
    train, text = (part.targets["next"].flatten() for part in (data.train, data.test.open()))
    best = min(loss_of_trigrams(train, text, len(data.labels["next"]), weight) for weight in (4, 16, 64))
    assert fit(SPECS / "char_gpt.toml", epochs=4).metrics["test"]["loss"] < best < 1.8


@pytest.mark.slow
def test_words_tell_where_a_docstring_stands(fit: Fit) -> None:
    assert fit(SPECS / "text_classifier.toml").metrics["test"]["accuracy"] > 0.75


@pytest.mark.parametrize(
    ("variant", "least"),
    [(None, 0.95), ("identity", 0.95), ("relu", 0.9), ("tanh", 0.95), ("softmax", 0.95)],
)
def test_perceptron(variant: str | None, least: float, fit: Fit) -> None:
    figures = fit(SPECS / "perceptron.toml", variant=variant).metrics["test"]
    assert figures["accuracy"] > least
    assert figures["roc_auc"] > 0.95


def least_squares(x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Slope and intercept of the line with the least squared error."""
    design = torch.cat([x, torch.ones_like(x)], dim=1).double()
    slope, intercept = torch.linalg.lstsq(design, y.double()).solution.flatten().tolist()
    return slope, intercept


def test_enough_epochs_reach_the_least_squares_line(fit: Fit, tmp_path: Path) -> None:
    fit(SPECS / "linear_regression.toml", epochs=4000)
    dataset = {"type": "line", "samples": 100, "slope": 3.0, "intercept": 2.0, "noise": 0.5}
    data = load(DataSpec.model_validate({"dataset": dataset, "validation": 0, "test": 0}))
    slope, intercept = least_squares(data.train.inputs["x"], data.train.targets["y"])
    weights = load_file(tmp_path / "run" / "best.safetensors")
    assert weights["line.weight"].item() == pytest.approx(slope, abs=1e-3)
    assert weights["line.bias"].item() == pytest.approx(intercept, abs=1e-3)
    assert (tmp_path / "run" / "fit.png").is_file()


def test_mnist_mlp_has_the_courses_parameters_and_trains(tmp_path: Path, fit: Fit, fashion_root: Path) -> None:
    (fashion_root / "FashionMNIST").rename(fashion_root / "MNIST")
    fit(SPECS / "mnist_mlp.toml", data=fashion_root, epochs=1)
    assert sum(value.numel() for value in load_file(tmp_path / "run" / "last.safetensors").values()) == 101_770


def test_image_folder(fit: Fit, tmp_path: Path) -> None:
    for part, count in (("train", 20), ("test", 4)):
        for label, grey in (("dark", 40), ("light", 200)):
            folder = tmp_path / "images" / part / label
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (40, 30 + i), (grey + i, grey, grey)).save(folder / f"{i}.png")
    assert fit(SPECS / "image_folder.toml", data=tmp_path).metrics["test"]["accuracy"] == 1


@needs_fashion
@pytest.mark.slow
def test_fashion_mlp(fit: Fit) -> None:
    assert fit(SPECS / "fashion_mlp.toml", data=ROOT).metrics["test"]["accuracy"] > 0.86


@needs_fashion
def test_fashion_mnist_is_the_real_one() -> None:
    data = load(DataSpec.model_validate({"dataset": "FashionMNIST"}), ROOT)
    assert (len(data.train), len(data.validation or ()), len(data.test.open())) == (54_000, 6_000, 10_000)
    assert data.train.targets["label"].bincount().tolist() == [5400] * 10
