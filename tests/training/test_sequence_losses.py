"""CTC with lengths and padding, and triplets in a batch: losses and figures are those of plain PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch.nn import functional as F
from torchmetrics.functional.text import char_error_rate

from graphspec import pipeline
from graphspec.data import data_of
from graphspec.diagnostics import GraphspecError
from graphspec.losses import loss_table

Fit = Callable[..., Any]
RANDOM = np.random.default_rng(0)
COUNT, STEPS, CLASSES, LONGEST = 60, 8, 4, 3
X = RANDOM.normal(size=(COUNT, 3, STEPS)).astype(np.float32)
STEPS_OF, LENGTHS = RANDOM.integers(6, STEPS + 1, COUNT), RANDOM.integers(1, LONGEST + 1, COUNT)
#: The first of a batch, which no blank pads: its length alone says where it ends.
TEXT = RANDOM.integers(1, CLASSES, (COUNT, LONGEST))
BEHIND = np.arange(LONGEST) >= LENGTHS[:, None]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def spec(text: np.ndarray, loss: Any = "CTCLoss", **arrays: np.ndarray) -> dict[str, Any]:
    np.savez("d.npz", x=X, text=text, **arrays)
    dataset = {"type": "npz", "file": "d.npz", "targets": ["text", *arrays], "classes": CLASSES}
    named = {} if isinstance(loss, str) else {"target": "text"}
    return {
        "graphspec": 1, "name": "reader", "inputs": {"x": ["N", 3, STEPS]},
        "layers": {
            "each": {"type": "Conv1d", "out_channels": CLASSES, "kernel_size": 1},
            "log": {"type": "LogSoftmax", "dim": 1},
        },
        "data": {"dataset": dataset, "root": ".", "batch_size": 7, "validation": 0.2, "test": 0.2, "split": "time"},
        "train": {
            "epochs": 1, "loss": loss if isinstance(loss, str) else loss | named,
            "metrics": ["char_error_rate"], "optimizer": {"type": "SGD", "lr": 1e-9},
        },
    }  # fmt: skip


def by_hand(network: torch.nn.Module, rows: list[int], steps: np.ndarray) -> tuple[float, float]:
    """torch's loss of the rows, and torchmetrics' error rate of what a loop reads."""
    log = network(torch.from_numpy(X[rows])).log_softmax(1).detach()
    text, lengths, given = torch.from_numpy(TEXT[rows]), torch.from_numpy(LENGTHS[rows]), torch.from_numpy(steps[rows])
    loss = F.ctc_loss(log.permute(2, 0, 1), text, given, lengths).item()
    read = []
    for path, count in zip(log.argmax(1).tolist(), given.tolist(), strict=True):
        kept = [k for k, before in zip(path[:count], [-1, *path], strict=False) if k not in (before, 0)]
        read.append("".join(map(str, kept)))
    true = ["".join(map(str, row[:n])) for row, n in zip(text.tolist(), lengths.tolist(), strict=True)]
    return loss, char_error_rate(read, true).item()


@pytest.mark.parametrize(
    ("loss", "text", "steps"),
    [
        ("CTCLoss", np.where(BEHIND, 0, TEXT), np.full(COUNT, STEPS)),
        ("CTCLoss", np.where(BEHIND, -1, TEXT), np.full(COUNT, STEPS)),
        ({"type": "CTCLoss", "target_lengths": "many"}, TEXT, np.full(COUNT, STEPS)),
        ({"type": "CTCLoss", "target_lengths": "many", "input_lengths": "steps"}, TEXT, STEPS_OF),
    ],
    ids=["blank behind", "-1 behind", "target lengths", "both lengths"],
)
def test_ctc_is_torchs_on_every_part(loss: Any, text: np.ndarray, steps: np.ndarray, fit: Fit) -> None:
    named = set() if isinstance(loss, str) else set(loss.values())
    arrays = {name: array for name, array in (("many", LENGTHS), ("steps", steps)) if name in named}
    network = spec(text, loss, **arrays)
    report, data = fit(network), data_of(network)
    layer = next(module for module in report.module.modules() if isinstance(module, torch.nn.Conv1d))
    places = {x.tobytes(): row for row, x in enumerate(X)}
    for part in ("train", "validation", "test"):
        rows = [places[x.numpy().tobytes()] for x in data.samples(part).inputs["x"]]
        expected, rate = by_hand(layer, rows, steps)
        assert report.metrics[part]["loss"] == pytest.approx(expected, abs=1e-5)
        assert report.metrics[part]["char_error_rate"] == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"train.loss": {"type": "CTCLoss", "blank": 9}}, r"blank is 9, and the classes are 0 to 3"),
        (
            {"layers.log": {"type": "permute", "dims": [0, 2, 1]}},
            r"the output is N × 8 × 4.*a permute brings the classes to dim 1",
        ),
        (
            {"layers.each": {"type": "Conv1d", "out_channels": 4, "kernel_size": 7}},
            r"which take \d steps .*and the output has 2",
        ),
        ({"train.metrics": ["accuracy"]}, r'"accuracy" is not a metric for CTCLoss.*use "char_error_rate"'),
        ({"train.loss": {"type": "CTCLoss", "input_lengths": "output"}}, r'input_lengths: nothing is called "output"'),
        ({"train.loss": "CrossEntropyLoss"}, r'class-count|"char_error_rate" is a metric for sequences of classes'),
    ],
    ids=["blank", "classes last", "too few steps", "metric", "lengths", "other loss"],
)
def test_what_ctc_cannot_learn_is_said(change: dict[str, Any], expected: str, fit: Fit) -> None:
    with pytest.raises(GraphspecError, match=expected):
        fit(changed(spec(np.where(BEHIND, 0, TEXT)), change))


def test_a_blank_between_classes_is_refused(fit: Fit) -> None:
    text = np.where(BEHIND, 0, TEXT)
    text[4] = [1, 0, 2]
    with pytest.raises(GraphspecError, match=r"stands between classes of .text., in row 4 of the training part"):
        fit(spec(text))


def changed(spec: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    for path, value in change.items():
        section, key = path.split(".")
        spec[section][key] = value
    return spec


def test_batch_hard_triplets_are_those_of_a_loop() -> None:
    points = torch.randn(12, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    classes = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 1, 0])  # 3 has no partner
    loss = loss_table()["BatchHardTripletLoss"](margin=0.5)(points, classes)
    each = []
    for i, point in enumerate(points):
        apart = (point - points).norm(dim=1)
        partners = [apart[j] for j in range(12) if classes[j] == classes[i] and j != i]
        if partners:
            others = [apart[j] for j in range(12) if classes[j] != classes[i]]
            each.append((max(partners) - min(others) + 0.5).relu())
    assert loss.item() == pytest.approx(torch.stack(each).mean().item(), abs=1e-5)
    loss.backward()
    assert points.grad is not None
    assert points.grad.isfinite().all()


@pytest.mark.parametrize("k", [1, 3])
def test_recall_is_scikit_learns_neighbours(k: int, fit: Fit, tmp_path: Path) -> None:
    """No class is predicted: an embedding is a value."""
    network = {
        "graphspec": 1, "name": "points", "inputs": {"features": ["N", 4]},
        "layers": {"point": {"type": "Linear", "out_features": 3}},
        "data": {"dataset": "iris", "batch_size": 30},
        "train": {"epochs": 2, "loss": "BatchHardTripletLoss", "metrics": [{"type": "recall_at_k", "k": k}]},
    }  # fmt: skip
    report = fit(network)
    found = pipeline.predict(tmp_path / "run", count=1000)
    points, classes = np.array([next(iter(each.outputs.values())) for each in found]), [each.target for each in found]
    nearest = NearestNeighbors(n_neighbors=k + 1).fit(points).kneighbors(points, return_distance=False)[:, 1:]
    expected = np.mean([any(classes[j] == classes[i] for j in row) for i, row in enumerate(nearest)])
    assert report.metrics["test"]["recall_at_k"] == pytest.approx(expected)
    assert found[0].label is None
