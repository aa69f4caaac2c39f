"""What cannot be trained is said before the first step, and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.losses import LOSSES, Targets

Spec = dict[str, Any]
LINEAR = {"graphspec": 1, "inputs": {"x": ["N", 4]}, "layers": {"y": {"type": "Linear", "out_features": 3}}}


def table(out: int = 3, width: int = 4, dataset: Any = "iris", **sections: Any) -> Spec:
    spec = json.loads(json.dumps(LINEAR))
    spec["inputs"]["x"] = ["N", width]
    spec["layers"]["y"]["out_features"] = out
    spec["data"] = {"dataset": dataset, **sections.pop("data", {})}
    spec["train"] = {"epochs": 1, **sections}
    return spec


CASES: dict[str, tuple[Spec, str]] = {
    "too few outputs": (
        table(2),
        r"class-count.*output is N × 2, but iris has 3 classes; CrossEntropyLoss needs N × 3",
    ),
    "too many outputs": (table(4), r"class-count"),
    "one output of three": (table(1, loss="MSELoss"), r"class-count"),
    "two classes, one logit": (table(1, 30, "breast_cancer"), r"class-count.*needs N × 2"),
    "width of the input": (table(width=5), r'shape-mismatch.*a sample of iris is 4, the input "x" 5'),
    "width of the target": (
        table(2, 10, "diabetes", loss="MSELoss"),
        r"output is N × 2, the targets of diabetes are N × 1",
    ),
    "no classes": (table(1, 10, "diabetes"), r"CrossEntropyLoss is for classes"),
    "monitor": (table(monitor="acuracy"), r'"acuracy" is not measured; did you mean "accuracy"'),
    "batch": (
        table(data={"batch_size": 1000}),
        r"batch_size 1000 is more than the 108 .*; batch_size = 108",
    ),
    "loss": (
        table(1, 10, "diabetes", loss={"type": "HuberLoss", "delta": -1.0}),
        r"bad-loss.*HuberLoss cannot be computed",
    ),
    "class weights": (
        table(loss={"type": "CrossEntropyLoss", "weight": [1.0, 2.0]}),
        r"bad-loss.*weight",
    ),
    "device": (table(), r'"tpu" is not a device'),
}


@pytest.mark.parametrize(("spec", "expected"), CASES.values(), ids=CASES.keys())
def test_what_is_wrong_is_said(spec: Spec, expected: str, fit: Callable[..., Any], tmp_path: Path) -> None:
    device = "tpu" if "device" in expected else "cpu"
    with pytest.raises(GraphspecError, match=expected):
        fit(spec, device=device)
    assert not (tmp_path / "run").exists()


def test_without_data_or_train_there_is_nothing_to_do(fit: Callable[..., Any]) -> None:
    with pytest.raises(GraphspecError, match=r"no-training.*\[train\]"):
        fit(LINEAR)
    with pytest.raises(GraphspecError, match=r"no-training.*\[data\]"):
        fit(LINEAR | {"train": {"epochs": 1}})


def with_norm(drop_last: bool, batch_size: int) -> Spec:
    spec = table(data={"batch_size": batch_size, "drop_last": drop_last})
    spec["layers"] = {"norm": "BatchNorm1d"} | spec["layers"]
    return spec


@pytest.mark.parametrize("batch_size", [107, 1])
def test_batch_norm_cannot_train_on_a_last_batch_of_one(batch_size: int, fit: Callable[..., Any]) -> None:
    with pytest.raises(GraphspecError, match=r"batch-of-one.*BatchNorm.*drop_last"):
        fit(with_norm(False, batch_size))


def test_the_last_batch_of_one_can_be_dropped(fit: Callable[..., Any]) -> None:
    assert fit(with_norm(True, 107)).steps == 1


def test_batch_norm_over_pixels_trains_on_one(digits: Spec, fit: Callable[..., Any]) -> None:
    digits["data"]["batch_size"] = 1293
    del digits["train"]["scheduler"]
    assert fit(digits, epochs=1).steps == 2


@pytest.mark.parametrize(
    ("y", "loss", "what"),
    [(np.full((80, 1), 7.0), "MSELoss", "7"), (np.zeros(80, int), "CrossEntropyLoss", 'the class "0"')],
)
def test_a_target_that_never_changes_is_a_warning(
    y: Any, loss: str, what: str, fit: Callable[..., Any], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("same.npz", x=np.random.default_rng(0).normal(size=(80, 3)).astype("float32"), y=y)
    dataset = {"type": "npz", "file": "same.npz"} | ({"classes": 2} if y.ndim == 1 else {})
    layers = {"fc": {"type": "Linear", "out_features": 2 if y.ndim == 1 else 1}}
    spec = {
        "graphspec": 1,
        "inputs": {"x": ["N", 3]},
        "layers": layers,
        "data": {"dataset": dataset, "root": "."},
    }
    with pytest.warns(GraphspecWarning, match=f'"y" is {what} in every sample of the training part: nothing is there'):
        fit(spec | {"train": {"epochs": 1, "loss": loss}})


def test_a_sample_in_two_parts_is_a_warning(fit: Callable[..., Any]) -> None:
    """Iris holds one flower twice; with this seed the two fall into training and validation."""
    with pytest.warns(GraphspecWarning, match="1 validation sample also stands in the training part"):
        fit(table())


OF_WHOLE_CLASSES = (
    "NLLLoss", "MultiMarginLoss", "SoftMarginLoss", "HingeEmbeddingLoss", "MultiLabelMarginLoss",
    "BatchHardTripletLoss",
)  # fmt: skip


#: Those of one output that is compared with the label of a sample.
OF_LABELS = [n for n, row in LOSSES.items() if row.outputs == 1 and row.compared and row.targets != Targets.SEQUENCES]


@pytest.mark.parametrize("loss", OF_LABELS)
def test_mixed_labels_are_for_losses_of_shares(loss: str, fit: Any) -> None:
    """The others ended in torch's words, or took shares for classes."""
    last = {"NLLLoss": ["LogSoftmax"], "KLDivLoss": ["LogSoftmax"], "BCELoss": ["Sigmoid"]}.get(loss, [])
    spec = {
        "graphspec": 1, "inputs": {"image": ["N", 1, 8, 8]},
        "layers": {"flat": "Flatten", "fc": {"type": "Linear", "out_features": 10},
                   **{kind.lower(): {"type": kind, **({"dim": 1} if "Soft" in kind else {})} for kind in last}},
        "data": {"dataset": "digits", "augment": ["MixUp"]}, "train": {"epochs": 1, "loss": loss},
    }  # fmt: skip
    if loss not in OF_WHOLE_CLASSES:
        assert fit(spec).epochs == 1
        return
    with pytest.raises(GraphspecError, match=f"MixUp and CutMix make shares of classes, and {loss} compares with"):
        fit(spec)
