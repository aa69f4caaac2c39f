"""The formulas of the metrics, each over one accumulated statistic. Definitions are scikit-learn's."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphspec.training.metrics.statistics import Confusion, Edits, LabelCounts, LogLikelihood, Moments, Scores

#: exp of more is no float.
_GREATEST_EXPONENT = 709.0
#: Embeddings whose distances to all others are computed at once.
_ROWS = 1024


def accuracy(statistic: Confusion | LabelCounts) -> float:
    """The share of samples whose class is predicted; of several labels, all of them."""
    if isinstance(statistic, LabelCounts):
        return _ratio(*statistic.samples.unbind()).item()
    matrix = statistic.matrix
    return _ratio(matrix.diagonal().sum(), matrix.sum()).item()


def per_class(matrix: Tensor) -> dict[str, Tensor]:
    """Precision, recall, F1 and support of each class, from counts with the true class in rows; 0 where undefined."""
    hits, support, predicted = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    return {
        "precision": _ratio(hits, predicted),
        "recall": _ratio(hits, support),
        "f1": _ratio(2 * hits, support + predicted),
        "support": support,
    }


def per_class_of_positions(matrix: Tensor) -> dict[str, Tensor]:
    """:func:`per_class` and the intersection over union (Jaccard index) of each class, of which positions are."""
    found = per_class(matrix)
    hits, either = matrix.diagonal(), matrix.sum(1) + matrix.sum(0) - matrix.diagonal()
    return {"iou": _ratio(hits, either), **found}


def per_label(statistic: LabelCounts) -> dict[str, Tensor]:
    """Precision, recall, F1 and support of each label; 0 where undefined."""
    support, predicted, hits = statistic.counts.unbind()
    return {
        "precision": _ratio(hits, predicted),
        "recall": _ratio(hits, support),
        "f1": _ratio(2 * hits, support + predicted),
        "support": support,
    }


def iou(statistic: Confusion, average: str = "macro", include_background: bool = True) -> float:
    """Intersection over union (the Jaccard index) of the classes' positions, of all samples together.

    ``average`` is macro or weighted (by support); class 0 is the background. As torchmetrics' JaccardIndex.
    """
    return _average(statistic.matrix, "iou", average, 0 if include_background else 1)


def dice(statistic: Confusion, average: str = "macro", include_background: bool = True) -> float:
    """The Dice coefficient of the classes' positions, of all samples together, which is their F1.

    ``average`` is macro or weighted (by support); class 0 is the background. As torchmetrics' DiceScore with
    ``aggregation_level="global"``.
    """
    return _average(statistic.matrix, "f1", average, 0 if include_background else 1)


def precision(statistic: Confusion | LabelCounts, average: str = "macro") -> float:
    """Of the samples predicted as a class, those that are; ``average`` is macro or weighted (by support)."""
    return _averaged(statistic, "precision", average)


def recall(statistic: Confusion | LabelCounts, average: str = "macro") -> float:
    """Of the samples of a class, those predicted as it; ``average`` is macro or weighted (by support)."""
    return _averaged(statistic, "recall", average)


def f1(statistic: Confusion | LabelCounts, average: str = "macro") -> float:
    """The harmonic mean of precision and recall; ``average`` is macro or weighted (by support)."""
    return _averaged(statistic, "f1", average)


def top_k_accuracy(statistic: Scores, k: int = 5) -> float:
    """The share of samples whose class is among the `k` with the highest outputs."""
    outputs, targets = _ranked(statistic)
    best = outputs.topk(min(k, outputs.shape[1]), dim=1).indices
    return (best == targets.unsqueeze(1)).any(1).to(torch.float64).mean().item()


def roc_auc(statistic: Scores) -> float:
    """The area under the ROC curve: of the second of two classes, or the mean over classes, each against the rest.

    A class's score is its probability, or its output where the loss gives that no such meaning. NaN where a class does
    not occur, as then nothing is defined.
    """
    columns = _against_the_rest(statistic)
    return sum(_auc(score, positive) for score, positive in columns) / len(columns)


def average_precision(statistic: Scores, average: str = "macro") -> float:
    """The area under the precision-recall curve as a sum of steps: of the second of two classes, or the mean over
    classes or labels, each against the rest; ``average`` is macro or weighted (by support).
    """
    columns = _against_the_rest(statistic)
    found = torch.tensor([_precision_over_recall(*column) for column in columns], dtype=torch.float64)
    if average == "macro":
        return found.mean().item()
    support = torch.tensor([int(positive.sum()) for _, positive in columns])
    return _ratio((found * support).sum(), support.sum()).item()


def average_precision_of_each(statistic: Scores) -> list[float]:
    """:func:`average_precision` of every class or label."""
    return [_precision_over_recall(*column) for column in _against_the_rest(statistic)]


def _precision_over_recall(score: Tensor, positive: Tensor) -> float:
    """Σ (recall − recall before) · precision over the different scores, the highest first; 0 without a positive."""
    order = score.argsort(descending=True)
    last = torch.cat([score[order].diff() != 0, torch.ones(1, dtype=torch.bool, device=score.device)])
    hits = positive[order].cumsum(0)[last].to(torch.float64)
    seen = torch.arange(1, len(score) + 1, device=score.device)[last]
    gained = hits.diff(prepend=hits.new_zeros(1))
    return (gained * hits / seen).sum().item() / max(1, int(positive.sum()))


def _against_the_rest(statistic: Scores) -> list[tuple[Tensor, Tensor]]:
    """Of each class or label, of the second alone of two classes: the scores, and which samples are of it."""
    if statistic.reading.labels is not None:
        outputs, targets = torch.cat(statistic.outputs).to(torch.float64), torch.cat(statistic.targets) > 0.5
        return [(outputs[:, i], targets[:, i]) for i in range(outputs.shape[1])]
    outputs, targets = _ranked(statistic)
    classes = [1] if outputs.shape[1] == 2 else range(outputs.shape[1])
    return [(outputs[:, i], targets == i) for i in classes]


def _ranked(statistic: Scores) -> tuple[Tensor, Tensor]:
    """The classes' scores, float64 ``N × classes``, and the true classes."""
    outputs, targets = torch.cat(statistic.outputs), torch.cat(statistic.targets)
    return statistic.reading.scores(outputs.to(torch.float64)), targets


def _auc(score: Tensor, positive: Tensor) -> float:
    """The probability that a positive sample scores above a negative one, ties counting half (Mann–Whitney)."""
    _, inverse, counts = score.unique(return_inverse=True, return_counts=True)
    rank = counts.cumsum(0).to(torch.float64) - (counts - 1) / 2
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return float("nan")
    return ((rank[inverse][positive].sum() - positives * (positives + 1) / 2) / (positives * negatives)).item()


def perplexity(statistic: LogLikelihood) -> float:
    """The exponential of the mean cross-entropy, as of so many equally likely classes, or next tokens."""
    total, count = statistic.sums.tolist()
    return math.exp(min(-total / count, _GREATEST_EXPONENT)) if count else math.nan


def calibration_error(statistic: Scores, n_bins: int = 15) -> float:
    """Expected calibration error (Guo et al. 2017): accuracy against confidence over equal bins."""
    outputs, targets = torch.cat(statistic.outputs).to(torch.float64), torch.cat(statistic.targets)
    probabilities, predicted = statistic.reading.probabilities(outputs), statistic.reading.predicted(outputs)
    if probabilities is None:
        return float("nan")
    confidence = probabilities.gather(1, predicted.unsqueeze(1))[:, 0]
    _, hits, sure = reliability_bins(confidence, predicted == targets, n_bins)
    return ((hits - sure).abs().sum() / len(targets)).item()


def reliability_bins(confidence: Tensor, right: Tensor, n_bins: int) -> tuple[Tensor, Tensor, Tensor]:
    """In equal bins of confidence, float64 each: how many samples, how many of them `right`, the sum of confidences.

    A bin holds its upper end: (0, 1/n], (1/n, 2/n], …
    """
    bins = (confidence * n_bins).ceil().long().sub(1).clamp(0, n_bins - 1)
    empty = torch.zeros(3, n_bins, dtype=torch.float64, device=bins.device)
    rows = torch.stack([torch.ones_like(bins), right, confidence]).to(torch.float64)
    count, hits, sure = empty.index_add_(1, bins, rows)
    return count, hits, sure


def char_error_rate(statistic: Edits) -> float:
    """The edits that make the sequences read the true ones, as a share of the true ones' length (torchmetrics' too)."""
    wrong, length = statistic.counts.tolist()
    return wrong / max(1, length)


def recall_at_k(statistic: Scores, k: int = 1) -> float:
    """The share of embeddings that have one of their class among the `k` nearest others, by Euclidean distance."""
    embeddings, classes = torch.cat(statistic.outputs).to(torch.float64), torch.cat(statistic.targets)
    found = 0
    for rows in torch.arange(len(embeddings), device=embeddings.device).split(_ROWS):
        distance = torch.cdist(embeddings[rows], embeddings)
        distance[torch.arange(len(rows)), rows] = torch.inf
        nearest = distance.topk(min(k, max(1, len(embeddings) - 1)), largest=False).indices
        found += int((classes[nearest] == classes[rows].unsqueeze(1)).any(1).sum())
    return found / max(1, len(embeddings))


def mse(statistic: Moments) -> float:
    """The mean squared error."""
    count, squared, *_ = _sums(statistic)
    return (squared / count).mean().item()


def rmse(statistic: Moments) -> float:
    """The root of the mean squared error."""
    return float(mse(statistic) ** 0.5)


def mae(statistic: Moments) -> float:
    """The mean absolute error."""
    count, _, absolute, *_ = _sums(statistic)
    return (absolute / count).mean().item()


def r2(statistic: Moments) -> float:
    """The coefficient of determination, the mean over output columns.

    A constant target gives 1 where every prediction is right, else 0; of one sample nothing is known: NaN.
    """
    count, squared, _, _, spread = _sums(statistic)
    if count.max() < 2:
        return float("nan")
    constant = (squared == 0).to(squared.dtype)
    return torch.where(spread > 0, 1 - squared / spread, constant).mean().item()


def _sums(statistic: Moments) -> Tensor:
    assert statistic.sums is not None
    return statistic.sums


def _averaged(statistic: Confusion | LabelCounts, score: str, average: str) -> float:
    """Over the classes that occur, or over all labels, as scikit-learn does."""
    if isinstance(statistic, Confusion):
        return _average(statistic.matrix, score, average)
    table = per_label(statistic)
    if average == "weighted":
        return _ratio((table[score] * table["support"].cpu()).sum(), table["support"].sum()).item()
    return table[score].mean().item()


def _average(matrix: Tensor, score: str, average: str, first: int = 0) -> float:
    """Over the classes from `first` on that occur, as target or prediction, as scikit-learn does."""
    table = {name: column[first:] for name, column in per_class_of_positions(matrix).items()}
    occurs = (matrix.sum(0) + matrix.sum(1))[first:] > 0
    if average == "weighted":
        return _ratio((table[score] * table["support"]).sum(), table["support"].sum()).item()
    return table[score][occurs.to(table[score].device)].mean().item()


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    part, whole = part.to("cpu", torch.float64), whole.to("cpu", torch.float64)
    return torch.where(whole > 0, part / whole.clamp(min=1e-300), torch.zeros_like(part))
