"""Metrics of classes at positions are torchmetrics' and scikit-learn's, whatever the batches."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from sklearn import metrics as sklearn
from torch import Tensor
from torchmetrics.classification import MulticlassJaccardIndex
from torchmetrics.segmentation import DiceScore
from torchmetrics.text import Perplexity

from graphspec.spec.base import Component
from graphspec.training.metrics.metric_set import MetricSet
from graphspec.training.optim.build_objective import Target, build_objective

CPU, IGNORED, CLASSES = torch.device("cpu"), 255, 4
RANDOM = torch.Generator().manual_seed(1)
#: Class 3 never occurs.
MASKS = torch.randint(0, 3, (11, 6, 5), generator=RANDOM)
OUTPUTS = torch.randn(11, CLASSES, 6, 5, generator=RANDOM)
OUTPUTS[:, 3] -= 100
LEFT_OUT = torch.where(torch.rand(MASKS.shape, generator=RANDOM) < 0.3, IGNORED, MASKS)


def jaccard(average: str, masks: Tensor) -> float:
    return MulticlassJaccardIndex(CLASSES, average=average, ignore_index=IGNORED)(OUTPUTS, masks).item()  # type: ignore[arg-type]


def perplexity(masks: Tensor) -> float:
    """torchmetrics takes ``N × T × classes``."""
    return Perplexity(ignore_index=IGNORED)(OUTPUTS.flatten(2).transpose(1, 2).double(), masks.flatten(1)).item()


def dice(include_background: bool) -> float:
    score = DiceScore(
        3, average="macro", aggregation_level="global", input_format="index", include_background=include_background
    )
    return score(OUTPUTS.argmax(1), MASKS).item()


def counted(score: Callable[[Tensor, Tensor], float]) -> float:
    chosen = LEFT_OUT != IGNORED
    return score(LEFT_OUT[chosen], OUTPUTS.argmax(1)[chosen])


@pytest.mark.parametrize("batch", [1, 4, 11])
@pytest.mark.parametrize(
    ("metric", "masks", "expected"),
    [
        ({"type": "iou"}, MASKS, lambda: jaccard("macro", MASKS)),
        ({"type": "iou", "average": "weighted"}, MASKS, lambda: jaccard("weighted", MASKS)),
        ({"type": "iou"}, LEFT_OUT, lambda: jaccard("macro", LEFT_OUT)),
        ({"type": "dice"}, MASKS, lambda: dice(True)),
        ({"type": "dice", "include_background": False}, MASKS, lambda: dice(False)),
        ({"type": "perplexity"}, LEFT_OUT, lambda: perplexity(LEFT_OUT)),
        ({"type": "perplexity"}, MASKS, lambda: perplexity(MASKS)),
        ({"type": "accuracy"}, LEFT_OUT, lambda: counted(sklearn.accuracy_score)),
        ({"type": "f1"}, LEFT_OUT, lambda: counted(lambda a, b: sklearn.f1_score(a, b, average="macro"))),
    ],
    ids=[
        "iou",
        "weighted iou",
        "iou with ignored",
        "dice",
        "dice of the foreground",
        "perplexity with ignored",
        "perplexity",
        "accuracy",
        "f1",
    ],
)
def test_of_positions(metric: dict[str, str], masks: Tensor, expected: Callable[[], float], batch: int) -> None:
    loss = Component.model_validate({"type": "CrossEntropyLoss", "ignore_index": IGNORED})
    objective = build_objective(loss, {"y": "t"}, {"t": Target(CLASSES)}, ("y",), CPU)
    found = MetricSet([Component.model_validate(metric)], objective, CPU)
    for start in range(0, len(masks), batch):
        found.update(0.0, OUTPUTS[start : start + batch], masks[start : start + batch])
    assert found.compute()[metric["type"]] == pytest.approx(expected(), abs=1e-6)
