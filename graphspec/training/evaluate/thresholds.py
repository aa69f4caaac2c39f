"""Labels of which several may apply: the scores of each, and the probability above which it is said to."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from graphspec.data import DataSet
from graphspec.training.evaluate.measure import Predictions, measure
from graphspec.training.learner import Learner
from graphspec.training.metrics.scores import average_precision_of_each, per_label
from graphspec.training.metrics.statistics import LabelCounts, Scores
from graphspec.training.optim.objective import Term


def choose_thresholds(learner: Learner, data: DataSet) -> dict[str, tuple[float, ...]]:
    """The probability of each label, by target, above which it has the best F1 on the validation part.

    From then on the learner's objective reads outputs by them.
    """
    found: dict[str, tuple[float, ...]] = {}
    terms: list[Term] = []
    predictions = measure(learner, data.batches("validation", learner.device), keep=True).predictions
    for term in learner.objective.terms:
        each, probability = predictions.get(term.outputs[0]), term.reading.probability
        if term.reading.labels is not None and isinstance(each, Predictions) and probability is not None:
            shares, true = probability.tensors(each.outputs.double()), each.targets > 0.5
            thresholds = tuple(best_threshold(shares[:, i], true[:, i]) for i in range(shares.shape[1]))
            term = dataclasses.replace(term, reading=dataclasses.replace(term.reading, thresholds=thresholds))
            found[str(term.target)] = thresholds
        terms.append(term)
    learner.objective = dataclasses.replace(learner.objective, terms=tuple(terms))
    return found


def best_threshold(share: Tensor, true: Tensor) -> float:
    """The number above which `share` (``N``, float64) finds what is `true` with the best F1: half-way between two of
    the values; of equal ones the highest. A half where nothing is true.
    """
    if not true.any():
        return 0.5
    values, order = share.sort(descending=True)
    last = torch.cat([values.diff() != 0, torch.ones(1, dtype=torch.bool)])
    hits, seen = true[order].cumsum(0)[last], torch.arange(1, len(share) + 1)[last]
    best = int((2 * hits / (seen + true.sum())).argmax())
    levels = torch.cat([values[last], values.new_zeros(1)])
    return float((levels[best] + levels[best + 1]) / 2)


def of_labels(predictions: Predictions) -> dict[str, Tensor]:
    """Precision, recall, F1, average precision, support and threshold of each label."""
    term, device = predictions.term, predictions.outputs.device
    counts, scores = LabelCounts(term, device), Scores(term, device)
    for statistic in (counts, scores):
        statistic.update(predictions.outputs, predictions.targets)
    thresholds = term.reading.thresholds or (0.5,) * int(term.reading.labels or 0)
    *columns, support = per_label(counts).items()
    average = torch.tensor(average_precision_of_each(scores))
    return dict(columns) | {"average_precision": average, "threshold": torch.tensor(thresholds), support[0]: support[1]}
