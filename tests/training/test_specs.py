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
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn
from torchmetrics.functional.classification import multiclass_jaccard_index

from graphspec import pipeline
from graphspec.data import data_of, load
from graphspec.diagnostics import GraphspecWarning
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
    assert report.metrics["test"]["iou"] > 0.87
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
    assert fit(SPECS / "text_classifier.toml").metrics["test"]["accuracy"] > 0.84


@pytest.mark.slow
def test_a_strip_of_digits_is_read_from_left_to_right(fit: Fit, tmp_path: Path) -> None:
    """Trained, its worst drawn, predicted with, exported, verified; pipeline.onnx gives the class of each step."""
    report = fit(SPECS / "ctc.toml")
    assert report.metrics["test"]["char_error_rate"] < 0.12
    assert "errors.png" in {path.name for path in report.evaluation.files}
    bundle = pipeline.export(tmp_path / "run", tmp_path / "export")
    test = data_of(SPECS / "ctc.toml").test.open()
    raw = test.inputs["image"][:20].permute(0, 2, 3, 1).numpy()
    session = onnxruntime.InferenceSession(str(bundle.path("pipeline")), providers=["CPUExecutionProvider"])
    steps = session.run(["label"], {session.get_inputs()[0].name: raw})[0]
    read = [
        "".join(str(k - 1) for k, before in zip(row, [-1, *row], strict=False) if k not in (before, 0)) for row in steps
    ]
    found = pipeline.predict(tmp_path / "run", count=20)
    assert read == [each.label for each in found]
    assert [each.target for each in found] == [
        "".join(str(k - 1) for k in row if k) for row in test.targets["text"][:20].tolist()
    ]


@pytest.mark.slow
def test_digits_of_one_class_lie_together(fit: Fit) -> None:
    assert fit(SPECS / "triplet.toml").metrics["test"]["recall_at_k"] > 0.97


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::graphspec.diagnostics.GraphspecWarning")
def test_labels_of_strips_are_those_that_scikit_learn_counts(fit: Fit, tmp_path: Path) -> None:
    figures = fit(SPECS / "multilabel.toml").metrics["test"]
    found = pipeline.predict(tmp_path / "run", count=1000)
    true, said = (
        np.array([[str(k) in text.split(", ") for k in range(10)] for text in texts])
        for texts in ([each.target for each in found], [each.label for each in found])
    )
    assert figures["f1"] == pytest.approx(f1_score(true, said, average="macro"))
    assert figures["f1"] > 0.85


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::graphspec.diagnostics.GraphspecWarning")
def test_what_was_learned_of_another_task_reads_with_few_strips(
    fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its convolutions are those of the other run until they learn; without that run's weights nothing is read."""
    monkeypatch.chdir(tmp_path)
    fit(SPECS / "multilabel.toml", Path("runs/multilabel"))
    known = load_file("runs/multilabel/best.safetensors")
    frozen = fit(SPECS / "transfer.toml", tmp_path / "frozen", overrides=["train.epochs=2", "train.unfreeze={}"])
    kept = load_file(frozen.run / "last.safetensors")
    assert all(torch.equal(kept[name], known[name]) for name in ("conv1.weight", "conv3.bias"))
    report = fit(SPECS / "transfer.toml", tmp_path / "run")
    assert report.metrics["test"]["char_error_rate"] < 0.2
    assert not torch.equal(load_file(report.run / "best.safetensors")["conv3.bias"], known["conv3.bias"])
    assert pipeline.verify(pipeline.export(report.run, tmp_path / "export").folder).passed


@pytest.mark.slow
def test_deeplab_finds_shapes_as_torchmetrics_counts_them(fit: Fit) -> None:
    report = fit(SPECS / "deeplab.toml")
    data = data_of(SPECS / "deeplab.toml")
    batch = data.batch(len(data.test.open()), "test")
    with torch.no_grad():
        found = report.module.eval()(batch.inputs["image"]).argmax(1)
    (truth,) = batch.targets.values()
    expected = multiclass_jaccard_index(found, truth.to(torch.int64), 3).item()
    assert report.metrics["test"]["iou"] == pytest.approx(expected, abs=1e-4)
    assert expected > 0.85


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


@pytest.mark.slow
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


def by_hand(data: Any) -> dict[str, float]:
    """The accuracy of scikit-learn's logistic regression, and of the network of table.toml written in plain PyTorch."""
    train, test = data.train, data.test.open()
    encoder = OneHotEncoder(handle_unknown="ignore")
    ids = [torch.stack([part.inputs["island"], part.inputs["sex"]], 1).numpy() for part in (train, test)]
    scaler = StandardScaler().fit(train.inputs["sizes"])
    sizes = [scaler.transform(part.inputs["sizes"]) for part in (train, test)]
    coded = [encoder.fit_transform(ids[0]).toarray(), encoder.transform(ids[1]).toarray()]
    x, unseen = (np.concatenate([a, b], 1) for a, b in zip(coded, sizes, strict=True))
    y, truth = train.targets["species"], test.targets["species"]
    regression = LogisticRegression(max_iter=1000).fit(x, y)
    torch.manual_seed(0)
    island, sex = nn.Embedding(4, 3), nn.Embedding(4, 2)
    head = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 3))
    optimizer = torch.optim.AdamW(nn.ModuleList([island, sex, head]).parameters(), lr=0.01, weight_decay=0.01)
    for _ in range(16):
        for rows in torch.randperm(len(y)).split(32):
            pieces = island(train.inputs["island"][rows]), sex(train.inputs["sex"][rows])
            logits = head(torch.cat([*pieces, torch.from_numpy(sizes[0]).float()[rows]], 1))
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits, y[rows]).backward()
            optimizer.step()
    pieces = island(test.inputs["island"]), sex(test.inputs["sex"]), torch.from_numpy(sizes[1]).float()
    chosen = head.eval()(torch.cat(pieces, 1)).argmax(1)
    return {"sklearn": regression.score(unseen, truth), "torch": (chosen == truth).float().mean().item()}


def test_a_table_of_texts_numbers_and_gaps_is_learned_as_by_scikit_learn_and_plain_pytorch(
    fit: Fit, tmp_path: Path
) -> None:
    report = fit(SPECS / "table.toml")
    reached, others = report.metrics["test"]["accuracy"], by_hand(data_of(SPECS / "table.toml"))
    assert reached > 0.8
    assert reached == pytest.approx(others["sklearn"], abs=0.05)
    assert reached == pytest.approx(others["torch"], abs=0.05)


def test_a_tables_columns_go_by_name_from_a_file_to_the_answer_of_its_pipeline(fit: Fit, tmp_path: Path) -> None:
    fit(SPECS / "table.toml", epochs=3)
    rows = "island,sex,bill_depth_mm,flipper_length_mm,body_mass_g\nBiscoe,NA,14.1,217,NA\nElba,male,18,190,3800\n"
    (tmp_path / "new.csv").write_text(rows)
    with pytest.warns(GraphspecWarning, match='"Elba" is no text of the training table'):
        predicted = pipeline.predict(tmp_path / "run", [tmp_path / "new.csv"])
    bundle = pipeline.export(tmp_path / "run", tmp_path / "export")
    session = onnxruntime.InferenceSession(str(bundle.path("pipeline")), providers=["CPUExecutionProvider"])
    columns = {
        "island": np.array(["Biscoe", "Elba"]), "sex": np.array(["NA", "male"]),
        "bill_depth_mm": np.array([14.1, 18]), "flipper_length_mm": np.array([217.0, 190]),
        "body_mass_g": np.array([np.nan, 3800]),
    }  # fmt: skip
    label, probabilities = session.run(None, columns)
    names = ["Adelie", "Chinstrap", "Gentoo"]
    assert [names[number] for number in label] == [each.label for each in predicted]
    assert probabilities.max(1) == pytest.approx([each.probability for each in predicted], abs=1e-6)
