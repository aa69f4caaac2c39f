"""What is known of a loss agrees with what torch.nn computes, and is read alike wherever it is read."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from graphspec.losses import LOSSES, UNNAMED, Targets, loss_table
from graphspec.output_reading import Reading
from graphspec.spec.base import Component
from graphspec.training.optim.build_objective import Target, build_objective

RANDOM = torch.Generator().manual_seed(0)
#: Of which an output is no class of its sample.
OTHERS = (Targets.SEQUENCES, Targets.GROUPS)
COMPARED = [name for name, row in LOSSES.items() if row.compared and row.outputs == 1 and row.targets not in OTHERS]
COLUMNS = [
    (name, count)
    for name in COMPARED
    for count in (1, 2, 3)
    if count > 1 or LOSSES[name].targets is not Targets.CLASSES
]


def test_every_loss_of_outputs_and_a_target_has_a_row() -> None:
    """What torch.nn has beyond these has weights."""
    own = {"mean", "BatchHardTripletLoss"}
    assert {name for name in dir(nn) if name.endswith("Loss")} - set(UNNAMED) == set(loss_table()) - own


def outputs(name: str, columns: int, samples: int = 200) -> Tensor:
    """Outputs such as the loss takes, far from 0 and near it."""
    plain = torch.randn(samples, columns, generator=RANDOM) * 3
    scale = LOSSES[name].scale({}).name
    if scale == "log-probabilities":
        return plain.log_softmax(1) if columns > 1 else nn.functional.logsigmoid(plain)
    return plain.sigmoid() if scale.startswith("probabilities") else plain


@pytest.mark.parametrize(("name", "columns"), COLUMNS)
def test_the_class_is_the_one_whose_loss_is_least(name: str, columns: int) -> None:
    if columns == 1 and callable(LOSSES[name].threshold) and not LOSSES[name].lowest:
        pytest.skip("its output is a mean: above a half, 1 is the likelier label, though 0 may cost less")
    classes = max(2, columns)
    objective = build_objective(Component(type=name), {"y": "t"}, {"t": Target(classes)}, ("y",), torch.device("cpu"))
    for row in outputs(name, columns, 25).split(1):
        losses = [objective(row, torch.tensor([k])).item() for k in range(classes)]
        if len({round(loss, 5) for loss in losses}) < classes:
            continue  # such as a margin that both classes keep
        assert objective.terms[0].reading.predicted(row).item() == losses.index(min(losses))


@pytest.mark.parametrize("name", [name for name in COMPARED if LOSSES[name].probability])
def test_probabilities_are_those_whose_logarithm_the_loss_is(name: str) -> None:
    """With one class of several true, or one column of each."""
    each = LOSSES[name].probability.each  # type: ignore[union-attr]
    output = outputs(name, 1 if each else 4, 20)
    classes = 2 if each else 4
    probabilities = Reading.of(name, {}, classes).probabilities(output.double())
    assert probabilities is not None
    assert probabilities.sum(1).allclose(torch.ones((), dtype=torch.float64))
    objective = build_objective(Component(type=name), {"y": "t"}, {"t": Target(classes)}, ("y",), torch.device("cpu"))
    for row, share in zip(output.split(1), probabilities, strict=True):
        for k in range(classes):
            scale = 4 if name == "KLDivLoss" else 1  # which is a mean over columns too
            assert scale * objective(row, torch.tensor([k])).item() == pytest.approx(-math.log(share[k]), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "producer", "readable"),
    [
        ("NLLLoss", "LogSoftmax", True),
        ("NLLLoss", "my_layer", True),
        ("NLLLoss", "Linear", False),
        ("KLDivLoss", "Softmax", False),
        ("BCELoss", "Sigmoid", True),
        ("BCELoss", "ReLU", False),
        ("CrossEntropyLoss", "Softmax", True),  # as the loss reads it, though it is warned of
        ("MSELoss", "Sigmoid", False),
    ],
)
def test_what_cannot_be_a_probability_is_none(name: str, producer: str, readable: bool) -> None:
    assert (Reading.of(name, {}, 3, producer).probability is not None) is readable


def test_what_is_no_share_is_no_probability() -> None:
    """Of a layer of the user's nothing is known before it is run."""
    reading = Reading.of("NLLLoss", {}, 2, "my_layer")
    output = torch.tensor([[-0.5, -0.9], [3.0, -1.0], [0.0, -9.0]])
    assert reading.sure(output, reading.predicted(output)) == [pytest.approx(math.exp(-0.5)), None, 1.0]


@pytest.mark.parametrize(("name", "columns"), COLUMNS)
def test_the_greatest_score_is_the_predicted_class(name: str, columns: int) -> None:
    reading, output = Reading.of(name, {}, max(2, columns)), outputs(name, columns).double()
    assert torch.equal(reading.scores(output).argmax(1), reading.predicted(output))


@pytest.mark.parametrize(
    ("name", "arguments", "threshold"),
    [
        ("HingeEmbeddingLoss", {"margin": 3.0}, 1.5),
        ("PoissonNLLLoss", {}, math.log(0.5)),
        ("PoissonNLLLoss", {"log_input": False}, 0.5),
    ],
)
def test_a_threshold_may_follow_from_arguments(name: str, arguments: dict[str, Any], threshold: float) -> None:
    assert Reading.of(name, arguments, 2).threshold == threshold
