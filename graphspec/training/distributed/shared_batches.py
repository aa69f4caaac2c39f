"""This process's part of every batch of the run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from graphspec.data import Batches, Samples
from graphspec.training.distributed.group import Group


@dataclasses.dataclass(frozen=True, slots=True)
class Part(Samples):
    """The samples of this process, `own` in number, and the targets of the `whole` batch.

    A batch with fewer samples than processes leaves some without any: these get one, which counts nothing.
    """

    whole: Mapping[str, Tensor] = dataclasses.field(default_factory=dict)
    own: int = 0


@dataclasses.dataclass(frozen=True)
class SharedBatches:
    """The batches of a run in one process, of which each process takes a part, in the same order."""

    batches: Batches
    group: Group

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self.batches)

    def share(self, number: int, accumulate: int) -> float:
        """As :meth:`Batches.share`, of the whole batch."""
        return self.batches.share(number, accumulate)

    @property
    def mixed(self) -> bool:
        """As :attr:`Batches.mixed`."""
        return self.batches.mixed

    def targets(self, epoch: int, start: int = 0) -> Iterator[Mapping[str, Tensor]]:
        """As :meth:`Batches.targets`, of the whole batches."""
        return self.batches.targets(epoch, start)

    def shuffled(self, epoch: int, start: int = 0, at_once: int = 0) -> Iterator[Part]:
        """This process's part of each batch of `epoch` from number `start` on, one batch at a time in any case.

        What is drawn for a sample depends on its place in the whole batch; so with augmentation each process augments
        the whole batch and keeps its part.
        """
        if self.batches.augment or self.batches.mix or self.batches.corrupt:
            for whole in self.batches.shuffled(epoch, start):
                rows, own = self._rows(len(whole))
                yield _part(whole.take(rows.to(_device(whole))), whole.targets, own)
            return
        order, size = self.batches.order(epoch), self.batches.batch_size
        chosen = [order[number * size : (number + 1) * size] for number in range(start, len(self.batches))]
        parts = [self._rows(len(indices)) for indices in chosen]
        mine = (indices[rows].to(self._device) for indices, (rows, _) in zip(chosen, parts, strict=True))
        for samples, targets, (_, own) in zip(self.batches.at(mine), self.targets(epoch, start), parts, strict=True):
            yield _part(samples, targets, own)

    def _rows(self, count: int) -> tuple[Tensor, int]:
        """The rows of a batch of `count` that this process takes, and how many count."""
        part = self.group.rows(count)
        own = part.stop - part.start
        return torch.arange(part.start, part.stop) if own else torch.zeros(1, dtype=torch.int64), own

    @property
    def _device(self) -> torch.device:
        return next(iter(self.batches.samples.inputs.values())).device


def _part(samples: Samples, whole: Mapping[str, Tensor], own: int) -> Part:
    return Part(samples.inputs, samples.targets, whole, own)


def _device(samples: Samples) -> torch.device:
    return next(iter(samples.targets.values())).device
