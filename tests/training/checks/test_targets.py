"""Targets that a loss cannot compare with are refused, and those that the last layer cannot give are said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from graphspec.diagnostics import GraphspecError, GraphspecWarning

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 4)).astype(np.float32)
SIGN = np.where(X[:, :1] > 0, 1, -1).astype(np.float32)
SHARES = np.abs(X[:, :2]) / np.abs(X[:, :2]).sum(1, keepdims=True)


@pytest.fixture
def learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fit: Any) -> Any:
    """Train a Linear layer with `layers` behind it on the target `y`."""
    monkeypatch.chdir(tmp_path)

    def run(
        y: np.ndarray, loss: Any, *layers: Any, columns: int = 1, dataset: Any = None, split: Any = None, **train: Any
    ) -> Any:
        np.savez("a.npz", x=X, y=y)
        spec = {
            "graphspec": 1,
            "inputs": {"x": ["N", 4]},
            "layers": {"fc": {"type": "Linear", "out_features": columns}} | {f"l{i}": c for i, c in enumerate(layers)},
            "data": {
                "dataset": {"type": "npz", "file": "a.npz", **(dataset or {})},
                "root": ".",
                "batch_size": 20,
                **(split or {}),
            },
            "train": {"epochs": 1, "loss": loss, **train},
        }
        return fit(spec)

    return run


LOG_SOFTMAX = {"type": "LogSoftmax", "dim": 1}


@pytest.mark.parametrize(
    ("y", "loss", "layers", "columns", "expected"),
    [
        (SIGN, "BCEWithLogitsLoss", (), 1, r'"y" of the training part is -1 at row \d+, .* takes targets from 0 to 1'),
        (SIGN + 2, "BCELoss", ("Sigmoid",), 1, r"is [13] at row .* from 0 to 1"),
        (SIGN, "MultiLabelSoftMarginLoss", (), 1, r"from 0 to 1"),
        (SIGN, "PoissonNLLLoss", (), 1, r"takes targets from 0 on"),
        (X[:, :2], "KLDivLoss", (LOG_SOFTMAX,), 2, r"takes targets from 0 to 1"),
        (np.log(SHARES), "KLDivLoss", (LOG_SOFTMAX,), 2, r"takes targets from 0 to 1"),
        (SHARES, {"type": "KLDivLoss", "log_target": True}, (LOG_SOFTMAX,), 2, r"takes targets at most 0"),
        (np.tile([[2.0, -1.0]], (60, 1)), "MultiLabelMarginLoss", (), 2, r"takes targets 0 or 1"),
        (SIGN[:, 0].astype(int), "CrossEntropyLoss", (), 2, r'"y" is -1 at row \d+, and classes count from 0'),
        (SIGN[:, 0].astype(int) + 2, "CrossEntropyLoss", (), 2, r"no label is 0; classes count from 0"),
        (SIGN[:, 0] > 5, "BCEWithLogitsLoss", (), 1, r'every sample of npz is of one class, "0"'),
        (SIGN.clip(0), "CrossEntropyLoss", (), 2, r"is for classes, the data set has none; .*classes = true"),
        (np.eye(2, dtype=int)[[0, 1] * 30], "CrossEntropyLoss", (), 2, r"one-hot rows y.argmax\(1\) is the class"),
    ],
)  # fmt: skip
def test_targets_of_another_kind_are_refused(
    y: np.ndarray, loss: Any, layers: Any, columns: int, expected: str, learn: Any
) -> None:
    with pytest.raises(GraphspecError, match=expected):
        learn(y, loss, *layers, columns=columns)


@pytest.mark.parametrize(
    ("y", "loss", "layers", "columns"),
    [
        (SIGN.clip(0), "BCEWithLogitsLoss", (), 1),
        (SHARES, {"type": "KLDivLoss", "reduction": "batchmean"}, (LOG_SOFTMAX,), 2),
        (np.log(SHARES), {"type": "KLDivLoss", "log_target": True}, (LOG_SOFTMAX,), 2),
        (np.abs(SIGN), "PoissonNLLLoss", (), 1),
        (np.abs(SIGN), {"type": "PoissonNLLLoss", "log_input": False}, ("Softplus",), 1),
        (SIGN, "MSELoss", ("Tanh",), 1),
    ],
)
def test_targets_of_its_kind_are_taken(
    y: np.ndarray, loss: Any, layers: Any, columns: int, learn: Any, recwarn: pytest.WarningsRecorder
) -> None:
    learn(y, loss, *layers, columns=columns)
    assert not [each for each in recwarn if "activation" in str(each.message)]


RATES = {"type": "PoissonNLLLoss", "log_input": False}


@pytest.mark.parametrize(
    ("y", "loss", "layers", "expected"),
    [
        (SIGN * 9, "MSELoss", ["Sigmoid"], r'Sigmoid gives values from 0 to 1, and 100% of "y" are others'),
        (SIGN, "L1Loss", ["ReLU"], r"ReLU gives values from 0 on"),
        (SIGN.clip(0), "BCELoss", [{"type": "Softmax", "dim": 1}], r"Softmax over one value always gives the same"),
        (np.abs(SIGN), "PoissonNLLLoss", ["exp"], r"takes the logarithm of a rate, which exp does not give"),
        (np.abs(SIGN), RATES, ["Softplus", "GELU"], r"takes rates above 0, which GELU does not give"),
    ],
)
def test_a_last_layer_that_gives_other_values_is_said(
    y: np.ndarray, loss: Any, layers: list[Any], expected: str, learn: Any
) -> None:
    with pytest.warns(GraphspecWarning, match=expected):
        learn(y, loss, *layers)


def test_what_torch_refuses_in_the_middle_of_a_run_is_no_traceback(learn: Any) -> None:
    """The first two samples give no value above 1, later ones do."""
    with pytest.raises(GraphspecError, match=r"BCELoss cannot be computed: .*; end with Sigmoid"):
        learn(SIGN.clip(0), "BCELoss", "ReLU", optimizer={"type": "SGD", "lr": 5.0})


@pytest.mark.parametrize("old", ["size_average", "reduce"])
def test_a_sum_under_an_old_name_is_refused(old: str, learn: Any) -> None:
    with pytest.raises(GraphspecError, match=r"the loss of a batch is its mean"):
        learn(SIGN, {"type": "MSELoss", old: False})


@pytest.mark.parametrize("weight", [[-1.0, 1.0], [0.0, 0.0], [float("nan"), 1.0]])
def test_weights_are_finite_and_not_below_0(weight: list[float], learn: Any) -> None:
    with pytest.raises(GraphspecError, match=r"weights are finite|every weight is 0"):
        learn(SIGN[:, 0] > 0, {"type": "CrossEntropyLoss", "weight": weight}, columns=2)


@pytest.mark.parametrize("ignored", [255, -100, 1])
def test_ignored_labels_are_no_classes_and_do_not_count(ignored: int, learn: Any) -> None:
    """Accuracy is over the samples that are left; there is no test or validation part, so all are trained on."""
    y = (X[:, 0] > 0).astype(int) * 2 if ignored == 1 else (X[:, 0] > 0).astype(int)
    y[::3] = ignored
    columns = 3 if ignored == 1 else 2
    loss = {"type": "CrossEntropyLoss", "ignore_index": ignored, "weight": "balanced"}
    report = learn(
        y, loss, columns=columns, split={"validation": 0, "test": 0}, metrics=["accuracy", "calibration_error"]
    )
    weights = safetensors.torch.load_file(report.run / "best.safetensors")
    output = nn.functional.linear(torch.tensor(X), weights["fc.weight"], weights["fc.bias"])
    right = (output.argmax(1).numpy() == y)[y != ignored]
    assert report.evaluation.parts["train"]["accuracy"] == pytest.approx(right.mean())
    assert report.evaluation.classes == tuple(map(str, range(columns)))


def test_a_label_outside_the_classes_is_refused_with_the_way_out(learn: Any) -> None:
    y = (X[:, 0] > 0).astype(int)
    y[7] = 255
    with pytest.raises(GraphspecError, match=r"is 255 at row 7, .*; ignore_index = 255 in \[train\] loss"):
        learn(y, "CrossEntropyLoss", columns=2, dataset={"classes": 2})
