"""Samples held in memory: named tensors whose first dimension counts the samples."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor


@dataclasses.dataclass(frozen=True, slots=True)
class Samples:
    """What a part of a data set holds, decoded once.

    Images are ``N × C × H × W``, uint8 as read or float in [0, 1]; tables ``N × features`` float32; class labels
    ``N`` int64; regression targets ``N × values`` float32.
    """

    inputs: Mapping[str, Tensor]
    targets: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def take(self, index: Tensor) -> Samples:
        """The samples at `index` (int64, one dimension), in that order."""
        return Samples(
            {name: value.index_select(0, index) for name, value in self.inputs.items()},
            {name: value.index_select(0, index) for name, value in self.targets.items()},
        )

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
                digest.update(f"{kind} {name} {tuple(value.shape)} {value.dtype}\n".encode())
                digest.update(value.contiguous().cpu().numpy().data)
        return digest.hexdigest()
