"""Batches by index out of resident samples; their order is a function of (seed, epoch) and of nothing else."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from graphspec.data import memory
from graphspec.data.augment import Augmentation, Mix
from graphspec.data.augment.follow import Kind, augmented
from graphspec.data.augment.windows import Windows, windows
from graphspec.data.look_up import LookUp, look_up
from graphspec.data.samples import Samples
from graphspec.data.seeds import generator
from graphspec.data.transforms import Normalize, scaled, to_float

#: Bytes up to which samples are kept once more, in the form from which batches are made with the least work.
KEPT = 1 << 29


def _most_kept(device: torch.device) -> int:
    """``KEPT``, or what the memory still allows; on a GPU a quarter of what is free there."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0] // 4)
    return min(KEPT, memory.budget())


@dataclasses.dataclass(frozen=True)
class Batches:
    """What the loop iterates over: `samples` in batches of `batch_size`, floats, augmented and transformed.

    ``transforms`` are by input; ``augment`` is for every input that is images, and for ``image_targets``. ``copied`` is
    the input that is the target too, as the network would be given it without what ``corrupt`` does to images.
    ``balanced`` are the samples' classes, ``N`` int64 on the CPU, where each is to be drawn equally often; with
    ``weights``, ``N`` float64 there, a sample is drawn in proportion to its own.
    """

    samples: Samples
    batch_size: int
    transforms: Mapping[str, Sequence[Normalize]] = dataclasses.field(default_factory=dict)
    augment: Sequence[Augmentation] = ()
    seed: int = 0
    drop_last: bool = False
    mix: Sequence[Mix] = ()
    image_targets: Mapping[str, Kind] = dataclasses.field(default_factory=dict)
    copied: str | None = None
    corrupt: Sequence[Augmentation] = ()
    balanced: Tensor | None = None
    weights: Tensor | None = None

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
        """The permutation of `epoch`, or what is drawn in it, int64 on the CPU."""
        draw = generator(self.seed, "order", epoch)
        if self.weights is not None:
            ends = self.weights.cumsum(0)
            places = torch.rand(len(self.samples), generator=draw, dtype=torch.float64) * ends[-1]
            last = int(self.weights.nonzero()[-1])  # rounding reaches no sample behind it
            return torch.searchsorted(ends, places, right=True).clamp(max=last)
        if self.balanced is None:
            return torch.randperm(len(self.samples), generator=draw)
        _, classes, counts = self.balanced.unique(return_inverse=True, return_counts=True)
        drawn = torch.randint(len(counts), (len(self.samples),), generator=draw)
        place = (torch.rand(len(drawn), generator=draw, dtype=torch.float64) * counts[drawn]).to(torch.int64)
        return classes.argsort(stable=True)[counts.cumsum(0)[drawn] - counts[drawn] + place]

    def shuffled(self, epoch: int, start: int = 0, at_once: int = 0) -> Iterator[Samples]:
        """The training batches of `epoch` from number `start` on, the same ones whatever `start` is.

        Where they are looked up, `at_once` whole ones come as one as long as there are so many.
        """
        order = self.order(epoch)
        order = order if self._windows is not None else order.to(self._device)
        size = self.batch_size
        if self._values is not None:
            yield from map(self._values.take, self._cut_up(order[start * size : len(self) * size], at_once))
            return
        indices = (order[number * size : (number + 1) * size] for number in range(start, len(self)))
        if self._windows is not None:
            for number, index in enumerate(indices, start):
                draw = self._draw(epoch, number)
                yield self._ready(self._cut(self._windows, index, draw), draw, self._windows.steps, corrupted=True)
            return
        for number, batch in enumerate(self._taken(indices), start):
            drawn = self.augment or self.mix or self.corrupt
            yield self._ready(batch, self._draw(epoch, number) if drawn else None, corrupted=True)

    def _cut_up(self, rows: Tensor, at_once: int) -> Sequence[Tensor]:
        many, rest = divmod(len(rows), at_once * self.batch_size) if at_once else (0, len(rows))
        whole, last = divmod(rest, self.batch_size)
        return rows.split([at_once * self.batch_size] * many + [self.batch_size] * whole + [last] * (last > 0))

    @property
    def kept(self) -> bool:
        """Whether batches are looked up in samples that are kept as the network sees them."""
        return self._values is not None

    @property
    def mixed(self) -> bool:
        """Whether labels become shares of classes."""
        return bool(self.mix)

    def targets(self, epoch: int, start: int = 0) -> Iterator[Mapping[str, Tensor]]:
        """The targets of each batch of :meth:`shuffled`, before they are mixed."""
        order, size, stored = self.order(epoch), self.batch_size, self.samples.targets
        order = order.to(next(iter(stored.values())).device)
        for number in range(start, len(self)):
            rows = order[number * size : (number + 1) * size]
            yield {name: value.index_select(0, rows) for name, value in stored.items()}

    def at(self, indices: Iterator[Tensor]) -> Iterator[Samples]:
        """The samples at each of `indices` (int64, one dimension), as the network sees them without augmentation."""
        if self._values is not None:
            yield from map(self._values.take, indices)
            return
        for chosen in self._taken(indices):
            yield self._ready(chosen)

    def in_order(self, batch_size: int | None = None) -> Iterator[Samples]:
        """Every sample once, in the order they are stored, without augmentation."""
        size, count = batch_size or self.batch_size, len(self.samples)
        ends = [(start, min(start + size, count)) for start in range(0, count, size)]
        if self.samples.streamed:
            stored = self.samples.stream(torch.arange(*each) for each in ends)
            for batch, (start, _) in zip(stored, ends, strict=True):
                yield self._measured(batch, start)
            return
        for start, stop in ends:
            if self._looked_up is not None:
                yield self._looked_up.take(torch.arange(start, stop))
            else:
                yield self._measured(self.samples.part(start, stop), start)

    def first(self, count: int) -> Samples:
        """The first `count` samples, without augmentation."""
        return self._ready(self.samples.take(self._rows[:count]))

    def before_values(self, batch: Samples, epoch: int | None = None) -> Samples:
        """`batch` augmented as in `epoch` (not at all without one), images as floats in [0, 1], not yet normalised."""
        return self._augmented(batch, None if epoch is None else self._draw(epoch, 0))

    def _draw(self, epoch: int, number: int) -> torch.Generator:
        return generator(self.seed, "augment", epoch, number)

    def _measured(self, batch: Samples, start: int) -> Samples:
        """`batch`, whose first sample is number `start`, as it is measured: not augmented, corrupted always alike."""
        if not self.corrupt:
            return self._ready(batch)
        plain = dataclasses.replace(self, augment=(), mix=())
        return plain._ready(batch, generator(self.seed, "corrupt", start), corrupted=True)

    def _ready(
        self, batch: Samples, draw: torch.Generator | None = None, begun: int = 0, corrupted: bool = False
    ) -> Samples:
        """`batch` as the network takes it, where `begun` of the augmentations have been applied already."""
        ready = self._augmented(batch, draw, begun)
        floats = ready.inputs
        clean = (
            {} if self.copied is None else {self.copied: self._transformed(self.copied, floats[self.copied].clone())}
        )
        if corrupted and draw is not None:
            floats = {
                name: self._corrupted(value, draw) if value.ndim == 4 else value for name, value in floats.items()
            }
        inputs = {name: self._transformed(name, value) for name, value in floats.items()}
        return Samples(inputs, {**ready.targets, **clean})

    def _corrupted(self, images: Tensor, draw: torch.Generator) -> Tensor:
        for corruption in self.corrupt:
            images = corruption(images, draw)
        return images

    def _augmented(self, batch: Samples, draw: torch.Generator | None, begun: int = 0) -> Samples:
        inputs, targets = dict(batch.inputs), dict(batch.targets)
        if draw is not None:
            names = [name for name, value in batch.inputs.items() if value.ndim == 4]
            inputs, targets = augmented(batch, self.augment[begun:], names, self.image_targets, draw)
            for mix in self.mix:
                (image, value), (label, target) = next(iter(inputs.items())), next(iter(targets.items()))
                inputs[image], targets[label] = mix(value, target, draw)
        return Samples({name: to_float(value) for name, value in inputs.items()}, targets)

    def _transformed(self, name: str, value: Tensor) -> Tensor:
        return scaled(value, self.transforms.get(name, ()))

    @functools.cached_property
    def _looked_up(self) -> LookUp | None:
        if self.copied is not None or self.corrupt:
            return None
        return look_up(self.samples, lambda name, value: self._transformed(name, value))

    @functools.cached_property
    def _values(self) -> Samples | LookUp | None:
        """All samples as the network sees them, where they are the same in every epoch and do not take much memory."""
        values = self.samples.inputs.values()
        if self.augment or self.mix or self.corrupt or self.samples.streamed:
            return None
        if self._looked_up is not None:
            return self._looked_up
        if sum(4 * value.numel() for value in values) > _most_kept(self._device):
            return None
        return self._ready(self.samples.take(self._rows))

    @functools.cached_property
    def _windows(self) -> Windows | None:
        """Where crops can be cut straight out of the stored images."""
        images = next(iter(self.samples.inputs.values()))
        if len(self.samples.inputs) > 1 or self.image_targets or self.samples.streamed or images.ndim != 4:
            return None
        return windows(images, self.augment, _most_kept(self._device))

    def _cut(self, windows: Windows, index: Tensor, draw: torch.Generator) -> Samples:
        """The samples at `index`, which is on the CPU as the draws are, so that no device has to be waited for."""
        rows = index.to(self._device)
        targets = {name: value.index_select(0, rows) for name, value in self.samples.targets.items()}
        return Samples({name: windows(index, draw) for name in self.samples.inputs}, targets)

    @property
    def _rows(self) -> Tensor:
        return torch.arange(len(self.samples), device=self._device)

    def _taken(self, indices: Iterator[Tensor]) -> Iterator[Samples]:
        return self.samples.stream(indices) if self.samples.streamed else map(self.samples.take, indices)

    @property
    def _device(self) -> torch.device:
        return next(iter(self.samples.inputs.values())).device
