"""Batches by index out of resident samples; their order is a function of (seed, epoch) and of nothing else."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from graphspec.data.augment import Augmentation, Mix
from graphspec.data.samples import Samples
from graphspec.data.seeds import generator
from graphspec.data.transforms import Normalize, to_float

#: Bytes up to which samples that no augmentation changes are kept as the floats that the network sees.
KEPT_AS_FLOATS = 1 << 29


@dataclasses.dataclass(frozen=True)
class Batches:
    """What the loop iterates over: `samples` in batches of `batch_size`, floats, augmented and transformed.

    ``transforms`` are by input; ``augment`` is for every input that is images.
    """

    samples: Samples
    batch_size: int
    transforms: Mapping[str, Sequence[Normalize]] = dataclasses.field(default_factory=dict)
    augment: Sequence[Augmentation] = ()
    seed: int = 0
    drop_last: bool = False
    mix: Sequence[Mix] = ()

    def __len__(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(len(self.samples), self.batch_size)
        return whole + int(rest > 0 and not self.drop_last)

    def share(self, number: int, accumulate: int) -> float:
        """What part of its group of `accumulate` batches batch `number` is, by samples; 1 where it is alone."""
        start = number // accumulate * accumulate * self.batch_size
        in_epoch = min(len(self) * self.batch_size, len(self.samples))
        group = min(start + accumulate * self.batch_size, in_epoch) - start
        return (min((number + 1) * self.batch_size, in_epoch) - number * self.batch_size) / group

    def order(self, epoch: int) -> Tensor:
        """The permutation of `epoch`, int64 on the CPU."""
        return torch.randperm(len(self.samples), generator=generator(self.seed, "order", epoch))

    def shuffled(self, epoch: int, start: int = 0) -> Iterator[Samples]:
        """The training batches of `epoch` from number `start` on, the same ones whatever `start` is."""
        order = self.order(epoch).to(self._device)
        size = self.batch_size
        indices = (order[number * size : (number + 1) * size] for number in range(start, len(self)))
        if self._floats is not None:
            yield from map(self._floats.take, indices)
            return
        for number, chosen in enumerate(self._taken(indices), start):
            random = self.augment or self.mix
            draw = generator(self.seed, "augment", epoch, number) if random else None
            yield self._ready(chosen, draw)

    def in_order(self, batch_size: int | None = None) -> Iterator[Samples]:
        """Every sample once, in the order they are stored, without augmentation."""
        for chosen in self._taken(iter(self._rows.split(batch_size or self.batch_size))):
            yield self._ready(chosen)

    def before_values(self, batch: Samples, epoch: int | None = None) -> Samples:
        """`batch` augmented as in `epoch` (not at all without one), images as floats in [0, 1], not yet normalised."""
        return self._augmented(batch, None if epoch is None else generator(self.seed, "augment", epoch, 0))

    def _ready(self, batch: Samples, draw: torch.Generator | None = None) -> Samples:
        ready = self._augmented(batch, draw)
        return Samples({name: self._transformed(name, value) for name, value in ready.inputs.items()}, ready.targets)

    def _augmented(self, batch: Samples, draw: torch.Generator | None) -> Samples:
        inputs, targets = dict(batch.inputs), dict(batch.targets)
        if draw is not None:
            for name in (name for name, value in batch.inputs.items() if value.ndim == 4):
                for augmentation in self.augment:
                    inputs[name] = augmentation(inputs[name], draw)
            for mix in self.mix:
                (image, value), (label, target) = next(iter(inputs.items())), next(iter(targets.items()))
                inputs[image], targets[label] = mix(value, target, draw)
        return Samples({name: to_float(value) for name, value in inputs.items()}, targets)

    def _transformed(self, name: str, value: Tensor) -> Tensor:
        for transform in self.transforms.get(name, ()):
            value = transform(value)
        return value

    @functools.cached_property
    def _floats(self) -> Samples | None:
        """All samples as the network sees them, where they are the same in every epoch and do not take much memory."""
        values = self.samples.inputs.values()
        if self.augment or self.mix or self.samples.streamed:
            return None
        if sum(4 * value.numel() for value in values) > KEPT_AS_FLOATS:
            return None
        return self._ready(self.samples.take(self._rows))

    @property
    def _rows(self) -> Tensor:
        return torch.arange(len(self.samples), device=self._device)

    def _taken(self, indices: Iterator[Tensor]) -> Iterator[Samples]:
        return self.samples.stream(indices) if self.samples.streamed else map(self.samples.take, indices)

    @property
    def _device(self) -> torch.device:
        return next(iter(self.samples.inputs.values())).device
