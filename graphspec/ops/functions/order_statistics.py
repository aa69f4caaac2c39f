"""Functions of the order of values along a dim: the middle one, quantiles, the greatest and least so far."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphspec.ops.functions.registry import function


@function("median", values={"values": (0,), "indices": (1,)}, sizes="anywhere")
class Median(nn.Module):
    """The middle value along dim, of two the lesser, and its index."""

    def forward(self, input: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
        return torch.median(input, dim=dim, keepdim=keepdim)


@function("kthvalue", values={"values": (0,), "indices": (1,)}, sizes="on_one_dim")
class Kthvalue(nn.Module):
    """The k-th smallest value along dim, counted from 1, and its index."""

    def forward(self, input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> tuple[Tensor, Tensor]:
        return torch.kthvalue(input, k, dim=dim, keepdim=keepdim)


@function("quantile", sizes="anywhere")
class Quantile(nn.Module):
    """The value along dim below which the share q lies; between two values as interpolation says."""

    def forward(
        self, input: Tensor, q: float, dim: int, keepdim: bool = False, interpolation: str = "linear"
    ) -> Tensor:
        return torch.quantile(input, q, dim=dim, keepdim=keepdim, interpolation=interpolation)


@function("cummax", values={"values": (0,), "indices": (1,)}, sizes="anywhere")
class Cummax(nn.Module):
    """The greatest value so far along dim, and its index (the last of equal ones)."""

    def forward(self, input: Tensor, dim: int) -> tuple[Tensor, Tensor]:
        return torch.cummax(input, dim=dim)


@function("cummin", values={"values": (0,), "indices": (1,)}, sizes="anywhere")
class Cummin(nn.Module):
    """The smallest value so far along dim, and its index (the last of equal ones)."""

    def forward(self, input: Tensor, dim: int) -> tuple[Tensor, Tensor]:
        return torch.cummin(input, dim=dim)
