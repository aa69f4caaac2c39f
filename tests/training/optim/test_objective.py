"""Losses are torch.nn's; targets are brought to what each takes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphspec.diagnostics import GraphspecError
from graphspec.losses import LOSSES, UNNAMED, Targets, loss_table
from graphspec.spec.base import Component
from graphspec.training.optim.build_objective import Target, build_objective

CPU = torch.device("cpu")
LABELS = torch.tensor([0, 1, 1, 0, 1])
TWO = torch.rand(5, 2, generator=torch.Generator().manual_seed(0))
ONE = TWO[:, :1]
COLUMN, ONE_HOT = LABELS.float().unsqueeze(1), F.one_hot(LABELS, 2).float()


def build(loss: Any, classes: int | None) -> Any:
    target = Target(classes, (lambda: torch.tensor([6, 2])) if classes else None)
    return build_objective(Component.model_validate(loss), {"y": "t"}, {"t": target}, ("y",), CPU)


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
        (
            {"type": "CrossEntropyLoss", "weight": "balanced"},
            TWO,
            F.cross_entropy(TWO, LABELS, torch.tensor([8 / (2 * 6), 8 / (2 * 2)])),
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


@pytest.mark.parametrize(
    "name", [name for name, row in LOSSES.items() if row.targets is Targets.VALUES and row.outputs == 1]
)
def test_values_stay_as_they_are(name: str) -> None:
    assert torch.equal(build(name, None)(TWO, ONE_HOT), getattr(nn, name)()(TWO, ONE_HOT))


def test_rows_of_0_and_1_become_lists_of_classes() -> None:
    scores = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    several = torch.tensor([[0, 1, 0, 1, 1], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.float32)
    lists = torch.tensor([[1, 3, 4, -1, -1], [0, -1, -1, -1, -1], [-1] * 5, [0, 1, 2, 3, 4]])
    expected = F.multilabel_margin_loss(scores, lists)
    assert torch.equal(build("MultiLabelMarginLoss", None)(scores, several), expected)
    one = torch.tensor([1, 0, 4, 2])
    expected = F.multilabel_margin_loss(scores, torch.cat([one[:, None], torch.full((4, 4), -1)], 1))
    assert torch.equal(build("MultiLabelMarginLoss", 5)(scores, one), expected)


@pytest.mark.parametrize(
    ("loss", "classes", "expected"),
    [
        ("CrossEntropy", 2, r'unknown loss "CrossEntropy"; did you mean "CrossEntropyLoss"'),
        ("CrossEntropyLoss", None, r"CrossEntropyLoss is for classes"),
        ("AdaptiveLogSoftmaxWithLoss", 2, r"has weights of its own.*adaptive_softmax.toml does and use NLLLoss"),
        ("LinearCrossEntropyLoss", 2, r"has weights of its own"),
        ("CTCLoss", None, r"CTCLoss is for classes"),
        ({"type": "CTCLoss", "target_lengths": "many"}, 2, r'target_lengths: nothing is called "many"'),
        ("TripletMarginLoss", 2, r"the network has one output, TripletMarginLoss takes 3"),
        ({"type": "MSELoss", "weight": "balanced"}, None, r"no classes to balance"),
        ({"type": "MSELoss", "output": "z"}, None, r'bad-loss.*the network has no output "z"'),
        ({"type": "MSELoss", "target": "tt"}, None, r'field-mismatch.*no field "tt".*did you mean "t"'),
        ({"type": "MSELoss", "factor": 0}, None, r"factor must be a number above 0"),
        ({"type": "CrossEntropyLoss", "label_smooting": 0.1}, 2, r'did you mean "label_smoothing"'),
        ({"type": "MSELoss", "reduction": "sum"}, None, r"is its mean"),
        ({"type": "HuberLoss", "delta": "big"}, None, r"delta must be a number"),
    ],
)
def test_what_is_wrong_is_said(loss: Any, classes: int | None, expected: str) -> None:
    with pytest.raises(GraphspecError, match=expected):
        build(loss, classes)(ONE, COLUMN)


def test_every_loss_of_outputs_and_a_target_is_known() -> None:
    """What torch.nn has beyond these has weights."""
    own = {"mean", "BatchHardTripletLoss"}
    assert {name for name in dir(nn) if name.endswith("Loss")} - set(UNNAMED) == set(loss_table()) - own


A, B, C = (torch.randn(5, 3, generator=torch.Generator().manual_seed(i)) for i in (1, 2, 3))
SIDES = 2.0 * LABELS - 1


def build_several(losses: Any, outputs: tuple[str, ...] = ("a", "b", "c")) -> Any:
    fields = {"label": Target(2), "b": Target(None)}
    listed = tuple(Component.model_validate(loss) for loss in losses)
    return build_objective(listed, {"b": "b"}, fields, outputs, CPU)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([{"type": "CrossEntropyLoss", "output": "a", "target": "label"},
          {"type": "MSELoss", "output": "b", "factor": 0.5}],
         F.cross_entropy(A, LABELS) + 0.5 * F.mse_loss(B, C)),
        ([{"type": "TripletMarginLoss", "output": ["a", "b", "c"], "margin": 0.7}],
         F.triplet_margin_loss(A, B, C, margin=0.7)),
        ([{"type": "CosineEmbeddingLoss", "output": ["a", "b"], "target": "label"}],
         F.cosine_embedding_loss(A, B, SIDES)),
        ([{"type": "GaussianNLLLoss", "output": ["a", "c"], "target": "b"}], F.gaussian_nll_loss(A, C, C.square())),
    ],
    ids=["a sum", "no target", "sides", "a variance"],
)  # fmt: skip
def test_losses_of_several_outputs(losses: Any, expected: Tensor) -> None:
    outputs = {"a": A, "b": B, "c": C.square() if losses[0]["type"] == "GaussianNLLLoss" else C}
    assert torch.equal(build_several(losses)(outputs, {"label": LABELS, "b": C}), expected)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        (["MSELoss"], r'bad-loss.*several outputs \(a, b, c\), MSELoss takes one.*output = "a"'),
        ([{"type": "CosineEmbeddingLoss", "output": ["a"], "target": "label"}], r"takes 2 outputs, not 1"),
        ([{"type": "MSELoss", "output": "a"}], r'field-mismatch.*the output "a" has no field in the data'),
        ([{"type": "TripletMarginLoss", "output": ["a", "b", "c"], "target": "b"}], r"takes no target"),
        ([], r"loss is an empty list"),
    ],
)
def test_what_is_wrong_with_several_is_said(losses: Any, expected: str) -> None:
    with pytest.raises(GraphspecError, match=expected):
        build_several(losses)
