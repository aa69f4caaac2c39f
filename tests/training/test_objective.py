"""Losses are torch.nn's; targets are brought to what each takes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphspec.diagnostics import GraphspecError
from graphspec.spec.base import Component
from graphspec.training.objective import OF_CLASSES, OF_SIGNS, OF_VALUES, build_objective

CPU = torch.device("cpu")
LABELS = torch.tensor([0, 1, 1, 0, 1])
TWO = torch.rand(5, 2, generator=torch.Generator().manual_seed(0))
ONE = TWO[:, :1]
COLUMN, ONE_HOT = LABELS.float().unsqueeze(1), F.one_hot(LABELS, 2).float()


def build(loss: Any, classes: int | None) -> Any:
    return build_objective(Component.model_validate(loss), classes, CPU)


@pytest.mark.parametrize(
    ("loss", "output", "expected"),
    [
        ("CrossEntropyLoss", TWO, F.cross_entropy(TWO, LABELS)),
        (
            {"type": "CrossEntropyLoss", "weight": [1.0, 3.0]},
            TWO,
            F.cross_entropy(TWO, LABELS, torch.tensor([1.0, 3.0])),
        ),
        (
            {"type": "CrossEntropyLoss", "label_smoothing": 0.1},
            TWO,
            F.cross_entropy(TWO, LABELS, label_smoothing=0.1),
        ),
        ("NLLLoss", TWO, F.nll_loss(TWO, LABELS)),
        ("MultiMarginLoss", TWO, F.multi_margin_loss(TWO, LABELS)),
        ("BCELoss", ONE, F.binary_cross_entropy(ONE, COLUMN)),
        ("BCELoss", TWO, F.binary_cross_entropy(TWO, ONE_HOT)),
        ("BCEWithLogitsLoss", ONE, F.binary_cross_entropy_with_logits(ONE, COLUMN)),
        ("MSELoss", ONE, F.mse_loss(ONE, COLUMN)),
        ("MSELoss", TWO, F.mse_loss(TWO, ONE_HOT)),
        ("SoftMarginLoss", ONE, F.soft_margin_loss(ONE, 2 * COLUMN - 1)),
        ("HingeEmbeddingLoss", ONE, F.hinge_embedding_loss(ONE, 2 * COLUMN - 1)),
    ],
)
def test_labels_become_what_the_loss_takes(loss: Any, output: Tensor, expected: Tensor) -> None:
    assert torch.equal(build(loss, 2)(output, LABELS), expected)


@pytest.mark.parametrize("name", OF_VALUES)
def test_values_stay_as_they_are(name: str) -> None:
    assert torch.equal(build(name, None)(TWO, ONE_HOT), getattr(nn, name)()(TWO, ONE_HOT))


@pytest.mark.parametrize(
    ("loss", "classes", "expected"),
    [
        ("CrossEntropy", 2, r'unknown loss "CrossEntropy"; did you mean "CrossEntropyLoss"'),
        ("CrossEntropyLoss", None, r"CrossEntropyLoss is for classes"),
        ("TripletMarginLoss", 2, r"does not take one output and one target"),
        ({"type": "CrossEntropyLoss", "label_smooting": 0.1}, 2, r'did you mean "label_smoothing"'),
        ({"type": "MSELoss", "reduction": "sum"}, None, r"is its mean"),
        ({"type": "HuberLoss", "delta": "big"}, None, r"delta must be a number"),
    ],
)
def test_what_is_wrong_is_said(loss: Any, classes: int | None, expected: str) -> None:
    with pytest.raises(GraphspecError, match=expected):
        build(loss, classes)(ONE, COLUMN)


def test_every_loss_of_one_output_and_one_target_is_known() -> None:
    """What torch.nn has beyond these takes more than an output and a target, or is a name kept for old code."""
    others = {
        "AdaptiveLogSoftmaxWithLoss", "CTCLoss", "CosineEmbeddingLoss", "GaussianNLLLoss", "LinearCrossEntropyLoss",
        "MarginRankingLoss", "MultiLabelMarginLoss", "NLLLoss2d", "TripletMarginLoss", "TripletMarginWithDistanceLoss",
    }  # fmt: skip
    known = {*OF_CLASSES, *OF_SIGNS, *OF_VALUES}
    assert {name for name in dir(nn) if name.endswith("Loss")} - others == known
