"""Classes at positions, as masks have them: counted, and kept of the samples that are predicted worst alone."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from graphspec.training.metrics.statistics import Confusion
from graphspec.training.optim.objective import Term

#: Samples that are kept for a picture.
MOST = 8


@dataclasses.dataclass(frozen=True)
class Maps:
    """What was predicted of a part: ``counts`` of (true, predicted) positions, int64 ``classes × classes``.

    Of the samples with the lowest mean intersection over union, the lowest first: their ``rows``, that ``score``, and
    the classes ``predicted`` and true (``targets``), int64 ``samples × …``, on the CPU.
    """

    term: Term
    counts: Tensor
    rows: Tensor
    score: Tensor
    predicted: Tensor
    targets: Tensor

    def confusion(self) -> Tensor:
        """Counts of (true, predicted), int64 ``classes × classes``."""
        return self.counts


class WorstMaps:
    """Adds batches up to :class:`Maps`."""

    def __init__(self, term: Term) -> None:
        self.term, self._seen = term, 0
        self._counts: Confusion | None = None
        self._kept: tuple[Tensor, ...] = ()

    def add(self, output: Tensor, target: Tensor) -> None:
        """The next batch: outputs ``N × C × …``, labels ``N × …``."""
        self._counts = self._counts or Confusion(self.term, output.device)
        self._counts.update(*self.term.counted(output, target))
        predicted = self.term.reading.predicted(output)
        score = torch.stack([self._score(*pair) for pair in zip(predicted, target, strict=True)])
        rows = torch.arange(self._seen, self._seen + len(output))
        self._seen += len(output)
        batch = (rows, *(value.cpu() for value in (score, predicted, target)))
        every = [torch.cat(pair) for pair in zip(self._kept, batch, strict=True)] if self._kept else list(batch)
        worst = every[1].argsort(stable=True)[:MOST]
        self._kept = tuple(value[worst] for value in every)

    def _score(self, predicted: Tensor, target: Tensor) -> Tensor:
        """The mean intersection over union of the classes that occur in one sample, float32."""
        classes = self.term.classes or 0
        counts = (target >= 0) & (target < classes)
        if self.term.ignores:
            counts &= target != self.term.loss.ignore_index
        cells = target[counts] * classes + predicted[counts]
        matrix = cells.bincount(minlength=classes * classes).view(classes, classes)
        hits, either = matrix.diagonal(), matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
        occurs = either > 0
        return (hits[occurs] / either[occurs]).mean() if occurs.any() else hits.new_ones((), dtype=torch.float32)

    def predictions(self) -> Maps:
        """What was added."""
        assert self._counts is not None
        return Maps(self.term, self._counts.matrix.cpu(), *self._kept)
