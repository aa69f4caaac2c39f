"""A loss that is not finite ends training: looked at before each update on the CPU, a few steps later on a GPU.

To look at a number on a GPU is to wait for everything that was asked of it so far; so losses are sent for, and looked
at when those of the next steps are. Updates in between may spoil the weights in memory; those on disk are whole, since
saving looks first.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from graphspec.diagnostics import GraphspecError, fail

#: Steps whose losses are sent for at once where looking waits.
STEPS_ON_A_GPU = 32


@dataclasses.dataclass
class LossWatch:
    """Looks at each loss at once, or sends for ``every`` of them together and looks when the next are sent for."""

    every: int = 1
    _unseen: list[Tensor] = dataclasses.field(default_factory=list)
    _sent: tuple[Tensor, torch.cuda.Event | None] | None = None
    _seen: float = 0.0

    def __call__(self, loss: Tensor, error: Callable[[float], GraphspecError]) -> float:
        """The newest loss looked at, this one where ``every`` is 1. Raises `error` of one that is not finite.

        `loss` may be those of several steps in a row.
        """
        if self.every == 1:
            self._seen = self._finite(loss.item(), error)
            return self._seen
        self._unseen.append(loss.detach().reshape(-1))
        if sum(map(len, self._unseen)) >= self.every:
            sent = self._send()
            self._receive(error)
            self._sent = sent
        return self._seen

    def look(self, error: Callable[[float], GraphspecError]) -> None:
        """Look at every loss so far."""
        self._receive(error)
        if self._unseen:
            self._sent = self._send()
            self._receive(error)

    def _send(self) -> tuple[Tensor, torch.cuda.Event | None]:
        """Send for the losses so far; CUDA does it without waiting for them, and says when they are there."""
        losses, self._unseen = torch.cat(self._unseen), []
        if losses.device.type != "cuda":
            return losses.cpu(), None
        here, arrived = torch.empty(losses.shape, dtype=losses.dtype, pin_memory=True), torch.cuda.Event()
        here.copy_(losses, non_blocking=True)
        arrived.record()
        return here, arrived

    def _receive(self, error: Callable[[float], GraphspecError]) -> None:
        """Look at what was sent for."""
        if self._sent is not None:
            (losses, arrived), self._sent = self._sent, None
            if arrived is not None:
                arrived.synchronize()
            for value in losses.tolist():
                self._seen = self._finite(value, error)

    def _finite(self, value: float, error: Callable[[float], GraphspecError]) -> float:
        if not math.isfinite(value):
            raise error(value)
        return value


def not_finite(loss: float, place: str, module: nn.Module, inputs: list[Tensor]) -> GraphspecError:
    """The error for a loss of `loss` at `place`, naming the first layer whose output on `inputs` is not finite."""
    layer = _first_not_finite(module, inputs)
    where = f'layer "{layer}" gives the first value that is not finite' if layer else "every layer's output is finite"
    hint = "nothing was updated; a smaller lr often helps"
    return fail("non-finite", f"the loss is {loss} at {place}: {where}", at=("train",), hint=hint)


@torch.no_grad()
def _first_not_finite(module: nn.Module, inputs: list[Tensor]) -> str:
    found: list[str] = []

    def watch(name: str) -> torch.utils.hooks.RemovableHandle:
        def hook(layer: nn.Module, arguments: object, output: object) -> None:
            if isinstance(output, Tensor) and not output.isfinite().all():
                found.append(name)

        return layers[name].register_forward_hook(hook)

    layers = {name: layer for name, layer in module.named_modules() if name and not list(layer.children())}
    handles = [watch(name) for name in layers]
    module(*inputs)
    for handle in handles:
        handle.remove()
    return found[0] if found else ""
