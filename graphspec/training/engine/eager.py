"""The step as it is written: feedforward, loss, backward, update."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.optim import Optimizer

from graphspec.training.engine.protocol import Look, Pass
from graphspec.training.engine.undecorated import undecorated
from graphspec.training.engine.update import DirectUpdate
from graphspec.training.optim.objective import Objective, Share, Values
from graphspec.training.optim.precision import Precision


@dataclasses.dataclass
class Eager:
    """Calls the module, and autograd, in every step. ``direct`` is the optimiser's update without its ceremony."""

    module: nn.Module
    objective: Objective
    optimizer: Optimizer
    precision: Precision
    direct: DirectUpdate | None = None
    name: ClassVar[str] = "eager"

    def forward_and_backward(self, inputs: list[Tensor], target: Values, share: Share, look: Look) -> Pass:
        with self.precision.autocast():
            output = self.module(*inputs)  # feedforward
            loss, part = self.objective.split(output, target, share)  # loss
        value = look(loss)
        self.precision.backward(part)  # backward
        return Pass(loss, value, output)

    def update(self, again: Callable[[], Tensor] | None = None) -> None:
        if again is not None:
            self.optimizer.step(again)  # type: ignore[arg-type]
        elif self.direct is not None:
            self.direct()
        else:
            self.precision.step(self.optimizer)

    def state_dict(self) -> dict[str, Any]:
        if self.direct is not None:
            self.direct.settle()
        state: dict[str, Any] = undecorated(self.optimizer.state_dict)()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state)
        if self.direct is not None:
            self.direct.forget()
