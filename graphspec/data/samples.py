"""Samples held in memory: named tensors whose first dimension counts the samples."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from graphspec.data.streamed import OnDisk


@dataclasses.dataclass(frozen=True, slots=True)
class Samples:
    """What a part of a data set holds, decoded once.

    Images are ``N × C × H × W``, uint8 as read or float in [0, 1]; tables ``N × features`` float32; class labels
    ``N`` int64, or ``N × …`` int64 or uint8 at positions; regression targets ``N × values`` float32.
    """

    inputs: Mapping[str, Tensor]
    targets: Mapping[str, Tensor]

    @property
    def streamed(self) -> bool:
        """Whether a field stays on disk, :class:`OnDisk` in a tensor's place, because memory is too small."""
        return any(isinstance(value, OnDisk) for value in (*self.inputs.values(), *self.targets.values()))

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def take(self, index: Tensor) -> Samples:
        """The samples at `index` (int64, one dimension), in that order."""
        return Samples(
            {name: value.index_select(0, index) for name, value in self.inputs.items()},
            {name: value.index_select(0, index) for name, value in self.targets.items()},
        )

    def part(self, start: int, stop: int) -> Samples:
        """The samples from `start` to `stop`; floats are copied: what is done to a batch in place is not stored."""
        inputs = {
            name: value[start:stop].clone() if value.is_floating_point() else value[start:stop]
            for name, value in self.inputs.items()
        }
        return Samples(inputs, {name: value[start:stop] for name, value in self.targets.items()})

    def stream(self, indices: Iterable[Tensor]) -> Iterator[Samples]:
        """:meth:`take` for each of `indices`; what stays on disk is read ahead."""
        wanted = list(indices)
        stored: tuple[Mapping[str, Any], ...] = (self.inputs, self.targets)
        coming = [
            {name: value.stream(wanted) for name, value in fields.items() if isinstance(value, OnDisk)}
            for fields in stored
        ]
        for index in wanted:
            inputs, targets = (
                {
                    name: next(ahead[name]) if name in ahead else value.index_select(0, index)
                    for name, value in fields.items()
                }
                for fields, ahead in zip(stored, coming, strict=True)
            )
            yield Samples(inputs, targets)

    def subset(self, index: Tensor) -> Samples:
        """The same as :meth:`take`, but what stays on disk is not read."""
        inputs, targets = (
            {
                name: value.subset(index) if isinstance(value, OnDisk) else value.index_select(0, index)
                for name, value in fields.items()
            }
            for fields in (self.inputs, self.targets)
        )
        return Samples(inputs, targets)

    def to(self, device: torch.device) -> Samples:
        """The same samples on `device`."""
        return Samples(
            {name: value.to(device) for name, value in self.inputs.items()},
            {name: value.to(device) for name, value in self.targets.items()},
        )

    def fingerprint(self) -> str:
        """A sha256 over names, shapes, dtypes and values: equal exactly where the data are."""
        digest = hashlib.sha256()
        for kind, fields in (("input", self.inputs), ("target", self.targets)):
            for name, value in fields.items():
                digest.update(f"{kind} {name} {tuple(value.shape)} {value.is_floating_point()}\n".encode())
                content: Any = value
                if isinstance(content, OnDisk):
                    digest.update(content.fingerprint())
                else:
                    digest.update(content.contiguous().cpu().numpy().data)
        return digest.hexdigest()
