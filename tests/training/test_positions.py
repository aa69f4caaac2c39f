"""A class at each position of a sample: masks, and tags of tokens. The reference is a loop in plain torch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from graphspec.diagnostics import GraphspecError

Fit = Callable[..., Any]
RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.random((40, 1, 6, 5), dtype=np.float32)
MASKS = (PICTURES[:, 0] > 0.5).astype(np.int64) + (PICTURES[:, 0] > 0.8)
LEFT_OUT = np.where(RANDOM.random(MASKS.shape) < 0.3, 255, MASKS)
TOKENS = RANDOM.integers(0, 20, (40, 7))


def spec(x: np.ndarray, layers: dict[str, Any], folder: Path, y: np.ndarray, **train: Any) -> dict[str, Any]:
    np.savez(folder / "d.npz", x=x, y=y)
    dtype = "int64" if x.dtype.kind == "i" else "float32"
    return {
        "graphspec": 1, "name": "positions",
        "inputs": {"x": {"shape": ["N", *x.shape[1:]], "dtype": dtype}}, "layers": layers,
        "data": {"dataset": {"type": "npz", "file": "d.npz"}, "batch_size": 8, "validation": 0, "test": 0},
        "train": {"epochs": 1, "optimizer": {"type": "SGD", "lr": 0.5}} | train,
    }  # fmt: skip


PIXELS = {
    "out": {"type": "Conv2d", "out_channels": 3, "kernel_size": 1, "init": {"weight": "zeros_", "bias": "zeros_"}}
}
ONE_COLUMN = {"out": PIXELS["out"] | {"out_channels": 1}}
WEIGHTS = [1.0, 2.0, 5.0]


def reference(
    loss: Callable[[Tensor, Tensor], Tensor], x: np.ndarray, y: np.ndarray, columns: int
) -> dict[str, Tensor]:
    """One update of all samples at once, from zeros."""
    out = nn.Conv2d(1, columns, 1)
    nn.init.zeros_(out.weight), nn.init.zeros_(out.bias)
    loss(out(torch.from_numpy(x)), torch.from_numpy(y)).backward()
    return {f"out.{name}": value - 0.5 * value.grad for name, value in out.named_parameters() if value.grad is not None}


def binary(output: Tensor, target: Tensor) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(output, target.unsqueeze(1).float())


@pytest.mark.parametrize("accumulate", [1, 5], ids=["whole", "in five batches"])
@pytest.mark.parametrize(
    ("loss", "theirs", "masks", "layers"),
    [
        ("CrossEntropyLoss", nn.CrossEntropyLoss(), MASKS, PIXELS),
        ({"type": "CrossEntropyLoss", "ignore_index": 255}, nn.CrossEntropyLoss(ignore_index=255), LEFT_OUT, PIXELS),
        (
            {"type": "CrossEntropyLoss", "ignore_index": 255, "weight": WEIGHTS},
            nn.CrossEntropyLoss(torch.tensor(WEIGHTS), ignore_index=255), LEFT_OUT, PIXELS,
        ),
        ("BCEWithLogitsLoss", binary, MASKS.clip(0, 1), ONE_COLUMN),
        ("BCEWithLogitsLoss", binary, MASKS.clip(0, 1)[:, None], ONE_COLUMN),
    ],
    ids=["masks", "ignored", "weighted and ignored", "one column", "one channel"],
)  # fmt: skip
def test_an_update_is_that_of_plain_torch(
    loss: Any, theirs: Any, masks: np.ndarray, layers: Any, accumulate: int, fit: Fit, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    made = spec(PICTURES, layers, tmp_path, masks, loss=loss, accumulate=accumulate)
    made["data"] |= {"root": ".", "batch_size": 40 // accumulate}
    fit(made)
    flat = masks[:, 0] if masks.ndim == 4 else masks
    wanted = reference(theirs, PICTURES, flat, layers["out"]["out_channels"])
    for name, value in load_file(tmp_path / "run" / "last.safetensors").items():
        assert torch.allclose(value, wanted[name], atol=1e-6), name


def told(run: Path) -> np.ndarray:
    """The class of each pixel by the weights of a run."""
    weights = load_file(run / "best.safetensors")
    scores = nn.functional.conv2d(torch.from_numpy(PICTURES), weights["out.weight"], weights["out.bias"])
    return scores.argmax(1).numpy()


def test_batches_with_and_without_ignored_positions_are_counted_alike(
    fit: Fit, tmp_path: Path, monkeypatch: Any
) -> None:
    """Of five batches of eight one is ignored in part, one altogether, and the others not at all."""
    monkeypatch.chdir(tmp_path)
    masks = MASKS.copy()
    masks[:3], masks[8:16] = 255, 255
    loss = {"type": "CrossEntropyLoss", "ignore_index": 255}
    metrics = ["accuracy", "iou", "f1", "perplexity", "roc_auc", "calibration_error"]
    made = spec(PICTURES, PIXELS, tmp_path, masks, loss=loss, metrics=metrics)
    made["data"] |= {"root": "."}
    made["train"]["optimizer"]["lr"] = 1e-9
    fit(made)
    (run,) = (path.parent for path in tmp_path.rglob("evaluation.json"))
    found = json.loads((run / "evaluation.json").read_text())["parts"]["train"]
    counted = masks[masks != 255]
    assert found["accuracy"] == pytest.approx(np.mean(counted == told(run)[masks != 255]))
    assert found["perplexity"] == pytest.approx(3.0)


def test_tags_of_tokens_are_learned(fit: Fit, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    layers = {
        "embed": {"type": "Embedding", "num_embeddings": 20, "embedding_dim": 8},
        "tag": {"type": "Linear", "out_features": 3},
        "out": {"type": "permute", "dims": [0, 2, 1]},
    }
    made = spec(TOKENS, layers, tmp_path, TOKENS % 3, epochs=30, optimizer={"type": "Adam", "lr": 0.05})
    made["data"]["root"] = "."
    assert fit(made).metrics["train"]["accuracy"] == 1


def test_an_evaluation_counts_positions_and_shows_the_worst_masks(fit: Fit, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    made = spec(PICTURES, PIXELS, tmp_path, LEFT_OUT, loss={"type": "CrossEntropyLoss", "ignore_index": 255}, epochs=3)
    made["data"]["root"] = "."
    report = fit(made)
    evaluation = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert sum(map(sum, evaluation["confusion"])) == (LEFT_OUT != 255).sum()
    hits, true, found = (np.array(evaluation["confusion"]) for _ in range(3))
    iou = np.diag(hits) / np.maximum(1, true.sum(1) + found.sum(0) - np.diag(hits))
    assert [row["iou"] for row in report.evaluation.per_class.values()] == pytest.approx(iou.tolist())
    assert "masks.png" in evaluation["files"]


@pytest.mark.parametrize(
    ("masks", "layers", "said"),
    [
        (MASKS, ONE_COLUMN, r"N × 1 × 6 × 5, but npz has 3 classes at each of 6 × 5 positions; .*N × 3 × 6 × 5"),
        (np.eye(3, dtype=np.int64)[MASKS[:, 0, 0]], PIXELS | {"flat": "Flatten"}, r"2 classes at each of 3 positions"),
        (np.where(MASKS == 2, -1, MASKS), PIXELS, r"is -1 at row 0, and classes count from 0"),
    ],
    ids=["columns", "one-hot", "negative"],
)  # fmt: skip
def test_what_does_not_fit_is_said(
    masks: np.ndarray, layers: Any, said: str, fit: Fit, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    made = spec(PICTURES, layers, tmp_path, masks)
    made["data"]["root"] = "."
    with pytest.raises(GraphspecError, match=said):
        fit(made)
