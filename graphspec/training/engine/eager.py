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
from graphspec.training.optim.average import WeightAverage
from graphspec.training.optim.objective import Objective, Share, Values
from graphspec.training.optim.precision import Precision


@dataclasses.dataclass
class Eager:
    """Calls the module, and autograd, in every step. ``direct`` is the optimiser's update without its ceremony.

    Gradients are clipped to the norm ``clip_grad_norm``, and ``average`` follows the weights, where there is one.
    """

    module: nn.Module
    objective: Objective
    optimizer: Optimizer
    precision: Precision
    clip_grad_norm: float | None = None
    average: WeightAverage | None = None
    direct: DirectUpdate | None = None
    at_once: int = 0
    name: ClassVar[str] = "eager"

    def __post_init__(self) -> None:
        self._parameters = list(self.module.parameters())
        self._one: Tensor | None = None  # the gradient of the loss, where it is made once and not in every step

    def parts(self) -> dict[str, Any]:
        """What it computes with, for an engine that computes the same."""
        return {field.name: vars(self)[field.name] for field in dataclasses.fields(Eager)}

    def forward_and_backward(self, inputs: list[Tensor], target: Values, share: Share, look: Look) -> Pass:
        with self.precision.autocast():
            output = self.module(*inputs)  # feedforward
            loss, part = self.objective.split(output, target, share)  # loss
        value = look(loss)
        self.precision.backward(part, self._one)  # backward
        return Pass(loss, value, output)

    def update(self, again: Callable[[], Tensor] | None = None) -> None:
        self.precision.unscale(self.optimizer)
        if self.clip_grad_norm is not None:
            nn.utils.clip_grad_norm_(self._parameters, self.clip_grad_norm)
        if again is not None:
            self.optimizer.step(again)  # type: ignore[arg-type]
        elif self.direct is not None:
            self.direct()
        else:
            self.precision.step(self.optimizer)
        self.clear_gradients()
        if self.average is not None:
            self.average.update()

    def takes(self, rows: int) -> bool:
        return False

    def steps(self, inputs: list[Tensor], target: Values) -> Pass:
        raise NotImplementedError(f"{self.name} takes one step at a time")

    def clear_gradients(self) -> None:
        """As ``optimizer.zero_grad()``, which costs more than the kernels of a small layer."""
        for parameter in self._parameters:
            parameter.grad = None

    def settle(self) -> None:
        if self.direct is not None:
            self.direct.settle()

    def state_dict(self) -> dict[str, Any]:
        self.settle()
        state: dict[str, Any] = undecorated(self.optimizer.state_dict)()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state)
        if self.direct is not None:
            self.direct.forget()
