"""Values made by the form of another: constants, and noise while the network trains."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.ops.functions.registry import function
from graphspec.ops.op import Number


@function("zeros_like", sizes="anywhere")
class ZerosLike(nn.Module):
    """Zeros in the shape of input."""

    def forward(self, input: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        return torch.zeros_like(input, dtype=dtype)


@function("ones_like", sizes="anywhere")
class OnesLike(nn.Module):
    """Ones in the shape of input."""

    def forward(self, input: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        return torch.ones_like(input, dtype=dtype)


@function("full_like", sizes="anywhere")
class FullLike(nn.Module):
    """fill_value in the shape of input."""

    def forward(self, input: Tensor, fill_value: Number, dtype: torch.dtype | None = None) -> Tensor:
        return torch.full_like(input, fill_value, dtype=dtype)


@function("new_zeros", sizes="anywhere")
class NewZeros(nn.Module):
    """Zeros of that size, in the dtype of input."""

    def forward(self, input: Tensor, size: list[int], dtype: torch.dtype | None = None) -> Tensor:
        return input.new_zeros(size, dtype=dtype)


@function("new_ones", sizes="anywhere")
class NewOnes(nn.Module):
    """Ones of that size, in the dtype of input."""

    def forward(self, input: Tensor, size: list[int], dtype: torch.dtype | None = None) -> Tensor:
        return input.new_ones(size, dtype=dtype)


@function("new_full", sizes="anywhere")
class NewFull(nn.Module):
    """fill_value in that size, in the dtype of input."""

    def forward(self, input: Tensor, size: list[int], fill_value: Number, dtype: torch.dtype | None = None) -> Tensor:
        return input.new_full(size, fill_value, dtype=dtype)


@function("randn_like", sizes="anywhere")
class RandnLike(nn.Module):
    """Standard normal noise in the shape of input while the network trains; in evaluation its mean, 0."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.randn_like(input) if self.training else torch.zeros_like(input)


@function("rand_like", sizes="anywhere")
class RandLike(nn.Module):
    """Noise from [0, 1) in the shape of input while the network trains; in evaluation its mean, 0.5."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.rand_like(input) if self.training else torch.full_like(input, 0.5)


@function("bernoulli", sizes="anywhere")
class Bernoulli(nn.Module):
    """1 with the probability of each element, else 0, while the network trains; in evaluation its mean, input."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.bernoulli(input) if self.training else input


@function("gumbel_softmax", sizes="anywhere")
class GumbelSoftmax(nn.Module):
    """softmax((logits + Gumbel noise) / tau) (Jang et al. 2017), or hard, one 1; in evaluation without noise."""

    def forward(self, logits: Tensor, tau: float = 1.0, hard: bool = False, dim: int = -1) -> Tensor:
        if self.training:
            return F.gumbel_softmax(logits, tau, hard, dim=dim)
        soft = (logits / tau).softmax(dim)
        return torch.zeros_like(soft).scatter(dim, soft.argmax(dim, keepdim=True), 1.0) if hard else soft
