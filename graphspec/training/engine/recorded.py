"""The step from a recording of it: torch's operations one after the other, without module calls and autograd."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from torch import Tensor

from graphspec.training.engine.eager import Eager
from graphspec.training.engine.protocol import Look, Pass
from graphspec.training.engine.recording import Recording
from graphspec.training.optim.objective import Share, Values


@dataclasses.dataclass(kw_only=True)
class Recorded(Eager):
    """Batches of the recorded shapes go through `recording`, others and parts of an update through the module."""

    recording: Recording
    name: ClassVar[str] = "recorded"

    def forward_and_backward(self, inputs: list[Tensor], target: Values, share: Share, look: Look) -> Pass:
        if share != 1 or not self.recording.fits(inputs, target):
            return super().forward_and_backward(inputs, target, share, look)
        loss, output = self.recording(inputs, target)  # feedforward, loss and backward
        return Pass(loss, look(loss), output)
