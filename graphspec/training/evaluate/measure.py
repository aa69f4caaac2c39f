"""One pass over a part of the data in eval mode: the metrics, and what the network predicted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from graphspec.data import Batches, Samples
from graphspec.training.evaluate.in_halves import in_halves
from graphspec.training.evaluate.maps import Maps, WorstMaps
from graphspec.training.learner import Learner
from graphspec.training.metrics.metric_set import MetricSet
from graphspec.training.metrics.statistics import Confusion
from graphspec.training.optim.objective import Term, Values

#: Samples that go through the network at once, at least.
_AT_ONCE = 512
#: Numbers that outputs kept for pictures may have: 256 MiB.
_MOST_KEPT = 1 << 26


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Every output and target of a term, on the CPU: ``N × …``, in the order of the samples."""

    term: Term
    outputs: Tensor
    targets: Tensor

    @property
    def predicted(self) -> Tensor:
        """The class of each sample, int64 ``N``."""
        return self.term.reading.predicted(self.outputs)

    def confusion(self) -> Tensor:
        """Counts of (true, predicted), int64 ``classes × classes``."""
        counts = Confusion(self.term, self.outputs.device)
        counts.update(*self.term.counted(self.outputs, self.targets))
        return counts.matrix


#: The confusion matrix of more classes, of the tokens of a text say, is neither drawn nor written down.
MOST_CLASSES = 1000


@dataclasses.dataclass(frozen=True)
class Measured:
    """``loss`` and the metrics of a part of ``samples`` samples, and by output what was predicted, if small."""

    metrics: dict[str, float]
    predictions: Mapping[str, Predictions | Maps]
    samples: int


def _at_once(batches: Batches) -> int:
    """How many samples go through the network at once: of those whose answer is an image, as many as in training."""
    images = batches.copied is not None or any(value.ndim > 2 for value in batches.samples.targets.values())
    return batches.batch_size if images else max(batches.batch_size, _AT_ONCE)


@torch.inference_mode()
def predicted(
    learner: Learner, forward: Callable[[Samples], Values], batches: Batches
) -> Iterator[tuple[Values, Values]]:
    """What `forward` gives for every sample of `batches`, in order, with the targets; the module is in eval mode."""
    training = learner.module.training
    learner.module.eval()
    try:
        for batch, output in in_halves(forward, batches.in_order(_at_once(batches))):
            yield output, learner.binding.targets_of(batch)
    finally:
        if training:
            learner.train_mode()


@torch.inference_mode()
def measure(learner: Learner, batches: Batches, keep: bool = False) -> Measured:
    """Measure the module on every sample of `batches`; predictions are kept only with `keep`."""
    objective = learner.objective.of_data
    found = MetricSet(learner.metrics.components, objective, learner.device)
    terms = objective.scored if keep else {}
    kept: dict[str, _Kept | WorstMaps] = {
        name: WorstMaps(term) if _has_positions(term, batches.samples) else _Kept(term, len(batches.samples))
        for name, term in terms.items()
    }
    for output, target in predicted(learner, learner.predict, batches):
        found.update(0.0 if objective.weighed else objective(output, target).item(), output, target)
        for name in list(kept):
            pair = terms[name].pair(output, target)
            if isinstance(kept[name], _Kept) and pair[0][:1].numel() * len(batches.samples) > _MOST_KEPT:
                del kept[name]
            else:
                kept[name].add(*pair)
    predictions = {name: each.predictions() for name, each in kept.items()}
    return Measured(found.compute(), predictions, len(batches.samples))


def _has_positions(term: Term, samples: Samples) -> bool:
    """Whether a sample's target is a class at each of several positions."""
    return term.decides and term.target is not None and samples.targets[term.target].ndim > 1


class _Kept:
    """Outputs and targets of `count` samples, in memory that is taken once: a piece left behind by each batch would lie
    where the next one could have been.
    """

    def __init__(self, term: Term, count: int) -> None:
        self._term, self._count, self._filled = term, count, 0
        self._rooms: tuple[Tensor, ...] = ()

    def add(self, *values: Tensor) -> None:
        """The next batch."""
        self._rooms = self._rooms or tuple(value.new_empty(self._count, *value.shape[1:]) for value in values)
        start, self._filled = self._filled, self._filled + len(values[0])
        for room, value in zip(self._rooms, values, strict=True):
            room[start : self._filled] = value

    def predictions(self) -> Predictions:
        """All of them, on the CPU, outputs as float32."""
        outputs, targets = (room.cpu() for room in self._rooms)
        return Predictions(self._term, outputs.float(), targets)
