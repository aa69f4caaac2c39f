"""Metrics are scikit-learn's, whatever the batches they are accumulated over."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from sklearn import metrics as theirs
from torch import Tensor, nn
from torchmetrics.functional.classification import multiclass_calibration_error

from graphspec.diagnostics import GraphspecError
from graphspec.losses import LOSSES, Targets
from graphspec.output_reading import Reading
from graphspec.spec.base import Component
from graphspec.training.metrics.metric_set import MetricSet
from graphspec.training.metrics.names import higher_is_better
from graphspec.training.metrics.table import METRICS
from graphspec.training.optim.build_objective import Target, build_objective
from graphspec.training.optim.objective import Objective

CPU = torch.device("cpu")
#: Targets that a loss compares with otherwise than by two sides.
OTHERS = (Targets.CLASSES, Targets.LISTS, Targets.SEQUENCES, Targets.GROUPS)
RANDOM = torch.Generator().manual_seed(0)
LABELS = torch.randint(0, 4, (237,), generator=RANDOM)
LOGITS = torch.randn(237, 4, generator=RANDOM) + 1.5 * torch.nn.functional.one_hot(LABELS, 4)
VALUES = torch.randn(237, 2, generator=RANDOM)
GUESSES = VALUES + 0.3 * torch.randn(237, 2, generator=RANDOM)


def objective_of(loss: str, classes: int | None) -> Objective:
    return build_objective(Component(type=loss), {"y": "t"}, {"t": Target(classes)}, ("y",), CPU)


def compute(metric: Any, loss: str, classes: int | None, output: Tensor, target: Tensor, batch: int = 32) -> float:
    component = Component.model_validate(metric)
    objective = objective_of(loss, classes)
    found = MetricSet([component], objective, CPU)
    for start in range(0, len(output), batch):
        found.update(0.0, output[start : start + batch], target[start : start + batch])
    return found.compute()[component.type]


def labels(average: str, figure: Callable[..., Any]) -> Callable[[], float]:
    return lambda: figure(LABELS, LOGITS.argmax(1), average=average, zero_division=0)


CLASSES: list[tuple[Any, Callable[[], float]]] = [
    ("accuracy", lambda: theirs.accuracy_score(LABELS, LOGITS.argmax(1))),
    ("precision", labels("macro", theirs.precision_score)),
    ("recall", labels("macro", theirs.recall_score)),
    ("f1", labels("macro", theirs.f1_score)),
    ({"type": "f1", "average": "weighted"}, labels("weighted", theirs.f1_score)),
    ({"type": "precision", "average": "weighted"}, labels("weighted", theirs.precision_score)),
    ({"type": "top_k_accuracy", "k": 2}, lambda: theirs.top_k_accuracy_score(LABELS, LOGITS, k=2)),
    ("iou", labels("macro", theirs.jaccard_score)),
    ("dice", labels("macro", theirs.f1_score)),
    ("average_precision", lambda: theirs.average_precision_score(torch.eye(4)[LABELS], LOGITS.softmax(1))),
    ("roc_auc", lambda: theirs.roc_auc_score(LABELS, LOGITS.softmax(1), multi_class="ovr")),
    ("perplexity", lambda: math.exp(theirs.log_loss(LABELS, LOGITS.double().softmax(1)))),
    ("calibration_error", lambda: multiclass_calibration_error(LOGITS.softmax(1), LABELS, 4, n_bins=15).item()),
]
REGRESSION: list[tuple[Any, Callable[[], float]]] = [
    ("mse", lambda: theirs.mean_squared_error(VALUES, GUESSES)),
    ("rmse", lambda: theirs.mean_squared_error(VALUES, GUESSES) ** 0.5),
    ("mae", lambda: theirs.mean_absolute_error(VALUES, GUESSES)),
    ("r2", lambda: theirs.r2_score(VALUES, GUESSES)),
]


@pytest.mark.parametrize(("metric", "expected"), CLASSES)
@pytest.mark.parametrize("batch", [1, 32, 500])
def test_of_classes(metric: Any, expected: Callable[[], float], batch: int) -> None:
    assert compute(metric, "CrossEntropyLoss", 4, LOGITS, LABELS, batch) == pytest.approx(expected(), rel=1e-6)


@pytest.mark.parametrize(("metric", "expected"), REGRESSION)
def test_of_values(metric: Any, expected: Callable[[], float]) -> None:
    assert compute(metric, "MSELoss", None, GUESSES, VALUES) == pytest.approx(expected(), rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "scale"), [("BCEWithLogitsLoss", 1.0), ("SoftMarginLoss", 1.0), ("BCELoss", None), ("MSELoss", None)]
)
def test_one_column_decides_between_two_classes(loss: str, scale: float | None) -> None:
    truth = LABELS % 2
    logit = torch.randn(237, 1, generator=torch.Generator().manual_seed(1)) + truth.unsqueeze(1)
    output = logit if scale else logit.sigmoid()
    predicted = (logit[:, 0] > 0).long()
    assert compute("accuracy", loss, 2, output, truth) == pytest.approx(theirs.accuracy_score(truth, predicted))
    assert compute("roc_auc", loss, 2, output, truth) == pytest.approx(theirs.roc_auc_score(truth, logit[:, 0]))


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize(
    "loss",
    [name for name, row in LOSSES.items() if row.outputs == 1 and row.compared and row.targets not in OTHERS],
)
def test_two_classes_are_scikit_learns_under_every_loss(loss: str, columns: int) -> None:
    """The score of the second class grows with what the loss takes for it: below a threshold where the lowest wins."""
    truth = LABELS % 2
    logit = torch.randn(237, 1, generator=torch.Generator().manual_seed(1)) + truth.unsqueeze(1)
    row, logits = LOSSES[loss], torch.cat([-logit, logit], 1) if columns == 2 else logit
    output = {
        "log-probabilities": nn.functional.logsigmoid(logit) if columns == 1 else logits.log_softmax(1),
        "probabilities, from 0 to 1": logits.sigmoid(),
    }.get(row.scale({}).name, -logits if row.lowest else logits)
    reading = Reading.of(loss, {}, 2)
    if columns == 1:
        score = (-output if reading.lowest else output)[:, 0]
        predicted = (score > (-reading.threshold if reading.lowest else reading.threshold)).long()
    else:
        score, predicted = logit[:, 0], (logit[:, 0] > 0).long()
    found = {
        name: compute(name, loss, 2, output, truth) for name in ("accuracy", "f1", "recall", "precision", "roc_auc")
    }
    assert found == {
        "accuracy": pytest.approx(theirs.accuracy_score(truth, predicted)),
        "roc_auc": pytest.approx(theirs.roc_auc_score(truth, score)),
        **{
            name: pytest.approx(getattr(theirs, f"{name}_score")(truth, predicted, average="macro", zero_division=0))
            for name in ("f1", "recall", "precision")
        },
    }
    assert compute({"type": "top_k_accuracy", "k": 1}, loss, 2, output, truth) == pytest.approx(found["accuracy"])
    assert compute("top_k_accuracy", loss, 2, output, truth) == 1
    if reading.probability_of(columns) is None:
        return
    probability = reading.probabilities(output)
    assert probability is not None
    expected = multiclass_calibration_error(probability, truth, 2, n_bins=15).item()
    assert compute("calibration_error", loss, 2, output, truth) == pytest.approx(expected, rel=1e-5)


def test_a_loss_without_probabilities_has_no_calibration() -> None:
    with pytest.raises(GraphspecError, match=r'"calibration_error" needs probabilities, which MSELoss does not give'):
        compute("calibration_error", "MSELoss", 2, LOGITS[:, :1], LABELS % 2)


@pytest.mark.parametrize("metric", [name for name, kind in METRICS.items() if kind.of_targets is None])
@pytest.mark.parametrize("count", [1, 30])
def test_a_part_of_one_class_has_every_metric_but_those_of_every_class(metric: str, count: int) -> None:
    """Also a part of one sample, and constant values."""
    if METRICS[metric].for_classes:
        found = compute(metric, "CrossEntropyLoss", 4, LOGITS[:count], torch.full((count,), 2))
    else:
        found = compute(metric, "MSELoss", None, GUESSES[:count], torch.ones(count, 2))
    assert math.isnan(found) == (METRICS[metric].of_every_class or count < METRICS[metric].fewest)


def test_a_spread_that_is_small_beside_the_mean_is_kept() -> None:
    """Times in seconds since 1970, whose squares have 19 digits."""
    truth = 1.7e9 + torch.arange(400, dtype=torch.float64).unsqueeze(1) / 7
    guesses = truth + 5 * torch.randn(400, 1, generator=RANDOM)
    assert compute("r2", "MSELoss", None, guesses, truth) == pytest.approx(theirs.r2_score(truth, guesses), rel=1e-9)


@pytest.mark.parametrize(("error", "expected"), [(0.0, 1.0), (0.5, 0.0)])
def test_r2_of_a_constant_is_scikit_learns(error: float, expected: float) -> None:
    truth = torch.ones(20, 1)
    assert compute("r2", "MSELoss", None, truth + error, truth) == theirs.r2_score(truth, truth + error) == expected


def test_equal_scores_count_half() -> None:
    truth, score = LABELS % 2, (LOGITS[:, :1] * 2).round() / 2
    expected = theirs.roc_auc_score(truth, score[:, 0])
    assert compute("roc_auc", "BCEWithLogitsLoss", 2, score, truth) == pytest.approx(expected)


def test_a_class_that_does_not_occur() -> None:
    truth, logits = LABELS % 3, LOGITS
    expected = theirs.f1_score(truth, logits.argmax(1), average="macro", zero_division=0)
    assert compute("f1", "CrossEntropyLoss", 4, logits, truth) == pytest.approx(expected)


def test_every_metric_is_tested() -> None:
    tested = {Component.model_validate(metric).type for metric, _ in CLASSES + REGRESSION}
    assert tested == {name for name, kind in METRICS.items() if kind.of_targets is None}  # else test_sequence_losses


def test_going_on_in_the_middle() -> None:
    objective = objective_of("CrossEntropyLoss", 4)
    components = [Component.model_validate(metric) for metric, _ in CLASSES if isinstance(metric, str)]
    whole, first, second = (MetricSet(components, objective, CPU) for _ in range(3))
    first.update(0.5, LOGITS[:100], LABELS[:100])
    second.load_state_dict(first.state_dict())
    second.update(0.25, LOGITS[100:], LABELS[100:])
    whole.update(0.5, LOGITS[:100], LABELS[:100])
    whole.update(0.25, LOGITS[100:], LABELS[100:])
    assert second.compute() == whole.compute()


def test_metrics_of_several_outputs_have_the_outputs_name() -> None:
    kinds = {"kind": "CrossEntropyLoss", "age": "MSELoss"}
    losses = tuple(Component.model_validate({"type": loss, "output": name}) for name, loss in kinds.items())
    targets = {"kind": Target(4), "age": Target(None)}
    objective = build_objective(losses, {name: name for name in targets}, targets, ("kind", "age"), CPU)
    components = [Component(type="accuracy"), Component.model_validate({"type": "mae", "output": "age"})]
    found = MetricSet(components, objective, CPU)
    found.update(0.5, {"kind": LOGITS, "age": GUESSES}, {"kind": LABELS, "age": VALUES})
    assert found.compute() == {
        "loss": 0.5,
        "accuracy": pytest.approx(theirs.accuracy_score(LABELS, LOGITS.argmax(1))),
        "age_mae": pytest.approx(theirs.mean_absolute_error(VALUES, GUESSES)),
    }
    with pytest.raises(GraphspecError, match=r'bad-metric.*no loss compares the output "agee"; did you mean "age"'):
        MetricSet([Component.model_validate({"type": "mae", "output": "agee"})], objective, CPU)


def test_which_way_is_better() -> None:
    assert [higher_is_better(name) for name in ("kind_accuracy", "age_mae", "age_r2")] == [True, False, True]
    assert [name for name in ("loss", *METRICS) if not higher_is_better(name)] == [
        "loss", "calibration_error", "perplexity", "char_error_rate", "mse", "rmse", "mae",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "classes", "expected"),
    [
        ("acuracy", 4, r'unknown metric "acuracy"; did you mean "accuracy"'),
        ("accuracy", None, r'bad-metric.*"accuracy" is a metric for classes'),
        ("r2", 4, r'bad-metric.*"r2" is a metric for regression'),
        ({"type": "f1", "avrage": "macro"}, 4, r'unknown-argument.*did you mean "average"'),
        ({"type": "f1", "average": "micro"}, 4, r"average must be macro or weighted"),
        ({"type": "top_k_accuracy", "k": 0}, 4, r"counts start at 1"),
        ({"type": "top_k_accuracy", "k": 4}, 4, r"bad-metric.*of 4 classes every one is among the 4 best.*at most 3"),
    ],
)
def test_what_is_wrong_is_said(metric: Any, classes: int | None, expected: str) -> None:
    objective = objective_of("MSELoss", classes)
    with pytest.raises(GraphspecError, match=expected):
        MetricSet([Component.model_validate(metric)], objective, CPU)
