"""A loss that is not finite ends training: looked at before each update on the CPU, every few steps on a GPU.

To look at a number on a GPU is to wait for everything that was asked of it so far. Updates in between may spoil the
weights in memory; those on disk are whole, since saving looks first.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import torch
from torch import Tensor

from graphspec.diagnostics import GraphspecError

#: Steps between two looks where looking waits.
STEPS_ON_A_GPU = 32


@dataclasses.dataclass
class LossWatch:
    """Looks at the loss of every ``every``-th step, and then at those in between."""

    every: int = 1
    _unseen: list[Tensor] = dataclasses.field(default_factory=list)
    _seen: float = 0.0

    def __call__(self, loss: Tensor, error: Callable[[float], GraphspecError]) -> float:
        """The newest loss looked at, this one where ``every`` is 1. Raises `error` of one that is not finite."""
        if self.every == 1:
            self._seen = self._finite(loss.item(), error)
            return self._seen
        self._unseen.append(loss.detach())
        if len(self._unseen) >= self.every:
            self.look(error)
        return self._seen

    def look(self, error: Callable[[float], GraphspecError]) -> None:
        """Look at every loss so far."""
        if self._unseen:
            losses, self._unseen = torch.stack(self._unseen).tolist(), []
            for value in losses:
                self._seen = self._finite(value, error)

    def _finite(self, value: float, error: Callable[[float], GraphspecError]) -> float:
        if not math.isfinite(value):
            raise error(value)
        return value
