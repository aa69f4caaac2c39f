"""A layer of one's own whose forward depends on the values: an ordinary guard."""

from torch import Tensor, nn

import graphspec


@graphspec.layer
class ClipWhenLarge(nn.Module):
    """In training, halve a batch whose greatest magnitude exceeds `limit`."""

    def __init__(self, limit: float = 1.0) -> None:
        super().__init__()
        self.limit = limit

    def forward(self, input: Tensor) -> Tensor:
        return input * 0.5 if self.training and input.abs().max() > self.limit else input
