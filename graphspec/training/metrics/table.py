"""Every metric that a spec may name, one row a metric."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from graphspec.losses import Targets
from graphspec.training.metrics import scores
from graphspec.training.metrics.statistics import Confusion, Edits, LogLikelihood, Moments, Scores, Statistic


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A metric: the statistic it reads, its formula, which way is better, and whether it is for classes (None: for
    whatever there is), needs their
    probabilities, and has no value where one of them does not occur, or where there are fewer samples than ``fewest``.
    ``of_labels``: it is also for labels of which several may apply. ``of_positives``: where no sample is positive it
    is 0 whatever the network gives. ``of_targets``: it is only for losses of such.
    """

    statistic: type[Statistic]
    formula: Callable[..., float]
    higher_is_better: bool = True
    for_classes: bool | None = True
    of_probabilities: bool = False
    of_every_class: bool = False
    fewest: int = 1
    of_labels: bool = False
    of_positives: bool = False
    of_targets: Targets | None = None


METRICS: dict[str, Kind] = {
    "accuracy": Kind(Confusion, scores.accuracy, of_labels=True),
    "precision": Kind(Confusion, scores.precision, of_labels=True, of_positives=True),
    "recall": Kind(Confusion, scores.recall, of_labels=True, of_positives=True),
    "f1": Kind(Confusion, scores.f1, of_labels=True, of_positives=True),
    "iou": Kind(Confusion, scores.iou),
    "dice": Kind(Confusion, scores.dice),
    "top_k_accuracy": Kind(Scores, scores.top_k_accuracy),
    "average_precision": Kind(Scores, scores.average_precision, of_labels=True, of_positives=True),
    "roc_auc": Kind(Scores, scores.roc_auc, of_every_class=True, of_labels=True),
    "calibration_error": Kind(Scores, scores.calibration_error, higher_is_better=False, of_probabilities=True),
    "perplexity": Kind(LogLikelihood, scores.perplexity, higher_is_better=False, of_probabilities=True),
    "char_error_rate": Kind(
        Edits, scores.char_error_rate, higher_is_better=False, for_classes=None, of_targets=Targets.SEQUENCES
    ),
    "recall_at_k": Kind(Scores, scores.recall_at_k, for_classes=None, of_targets=Targets.GROUPS, fewest=2),
    "mse": Kind(Moments, scores.mse, higher_is_better=False, for_classes=False),
    "rmse": Kind(Moments, scores.rmse, higher_is_better=False, for_classes=False),
    "mae": Kind(Moments, scores.mae, higher_is_better=False, for_classes=False),
    "r2": Kind(Moments, scores.r2, for_classes=False, fewest=2),
}
