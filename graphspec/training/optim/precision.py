"""Mixed precision: the forward pass and the loss in half precision, weights and updates in float32.

Micikevicius et al., Mixed Precision Training, 2018 (arXiv:1710.03740). bfloat16 has float32's range; the gradients of
float16 would underflow, so its loss is scaled up and the gradients down again.
"""

from __future__ import annotations

import contextlib
import dataclasses
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclasses.dataclass(frozen=True)
class Precision:
    """``fp32``, ``bf16`` or ``fp16`` on a kind of device (``"cpu"``, ``"cuda"``, ``"mps"``)."""

    dtype: torch.dtype | None
    device: str
    scaler: torch.amp.GradScaler | None

    @classmethod
    def of(cls, name: str, device: torch.device) -> Precision:
        """The precision that ``[train] precision`` names."""
        scaler = torch.amp.GradScaler(device.type) if name == "fp16" else None
        return cls(_DTYPES.get(name), device.type, scaler)

    @property
    def full(self) -> bool:
        """Whether everything is float32."""
        return self.dtype is None

    def autocast(self) -> AbstractContextManager[Any]:
        """The context of forward pass and loss."""
        return contextlib.nullcontext() if self.dtype is None else torch.autocast(self.device, self.dtype)

    def backward(self, loss: Tensor, one: Tensor | None = None) -> None:
        """Gradients of `loss`, scaled until :meth:`unscale`; `one` is its own, which torch makes where it is None."""
        (loss if self.scaler is None else self.scaler.scale(loss)).backward(one)

    def unscale(self, optimizer: Optimizer) -> None:
        """Bring the gradients to their size."""
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)

    def step(self, optimizer: Optimizer) -> None:
        """Update, unless a scaled gradient overflowed: then the next scale is smaller."""
        if self.scaler is None:
            optimizer.step()
            return
        self.scaler.step(optimizer)
        self.scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """The scale and its age; empty without one."""
        return {} if self.scaler is None else self.scaler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a scale taken earlier."""
        if self.scaler is not None:
            self.scaler.load_state_dict(state)
