"""An exponential moving average of the weights: smoother than any single step's (Polyak and Juditsky, 1992)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from graphspec.system.torch_private import foreach_lerp_


class WeightAverage:
    """After each update ``average ← decay · average + (1 - decay) · weights``; buffers are the newest ones."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module, self.decay = module, decay
        self.weights: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after an update; the first ones are the average."""
        own = dict(self.module.state_dict())
        if not self.weights:
            self.weights = {name: value.clone() for name, value in own.items()}
            return
        learned = [name for name, _ in self.module.named_parameters()]
        averages, values = [self.weights[name] for name in learned], [own[name] for name in learned]
        foreach_lerp_(averages, values, 1 - self.decay)
        for name in own.keys() - learned:
            self.weights[name].copy_(own[name])

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the module has the average; afterwards its own weights again."""
        if not self.weights:
            yield
            return
        own = {name: value.clone() for name, value in self.module.state_dict().items()}
        self.module.load_state_dict(self.weights)
        try:
            yield
        finally:
            self.module.load_state_dict(own)
