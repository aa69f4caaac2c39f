"""Functions along dims: sums, means, extremes, norms, softmax."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.ops.functions.registry import function


@function("softmax")
class Softmax(nn.Module):
    """exp(input) / sum(exp(input)) along dim."""

    def forward(self, input: Tensor, dim: int) -> Tensor:
        return F.softmax(input, dim=dim)


@function("log_softmax")
class LogSoftmax(nn.Module):
    """log(softmax(input)) along dim."""

    def forward(self, input: Tensor, dim: int) -> Tensor:
        return F.log_softmax(input, dim=dim)


@function("mean")
class Mean(nn.Module):
    """The mean along dim (one or several)."""

    def forward(self, input: Tensor, dim: list[int], keepdim: bool = False) -> Tensor:
        return torch.mean(input, dim=dim, keepdim=keepdim)


@function("sum")
class Sum(nn.Module):
    """The sum along dim (one or several)."""

    def forward(self, input: Tensor, dim: list[int], keepdim: bool = False) -> Tensor:
        return torch.sum(input, dim=dim, keepdim=keepdim)


@function("amax")
class Amax(nn.Module):
    """The maximum along dim (one or several)."""

    def forward(self, input: Tensor, dim: list[int], keepdim: bool = False) -> Tensor:
        return torch.amax(input, dim=dim, keepdim=keepdim)


@function("amin")
class Amin(nn.Module):
    """The minimum along dim (one or several)."""

    def forward(self, input: Tensor, dim: list[int], keepdim: bool = False) -> Tensor:
        return torch.amin(input, dim=dim, keepdim=keepdim)


@function("argmax")
class Argmax(nn.Module):
    """The index of the greatest value along dim."""

    def forward(self, input: Tensor, dim: int, keepdim: bool = False) -> Tensor:
        return torch.argmax(input, dim=dim, keepdim=keepdim)


@function("argmin")
class Argmin(nn.Module):
    """The index of the smallest value along dim."""

    def forward(self, input: Tensor, dim: int, keepdim: bool = False) -> Tensor:
        return torch.argmin(input, dim=dim, keepdim=keepdim)


@function("prod")
class Prod(nn.Module):
    """The product along dim."""

    def forward(self, input: Tensor, dim: int, keepdim: bool = False) -> Tensor:
        return torch.prod(input, dim=dim, keepdim=keepdim)


@function("var")
class Var(nn.Module):
    """The variance along dim, divided by n - correction."""

    def forward(self, input: Tensor, dim: list[int], correction: int = 1, keepdim: bool = False) -> Tensor:
        return torch.var(input, dim=dim, correction=correction, keepdim=keepdim)


@function("cumsum")
class Cumsum(nn.Module):
    """The running sum along dim."""

    def forward(self, input: Tensor, dim: int) -> Tensor:
        return torch.cumsum(input, dim=dim)


@function("norm")
class Norm(nn.Module):
    """The p-norm along dim."""

    def forward(self, input: Tensor, dim: list[int], p: float = 2.0, keepdim: bool = False) -> Tensor:
        return torch.norm(input, p=p, dim=dim, keepdim=keepdim)


@function("normalize")
class Normalize(nn.Module):
    """input / max(its p-norm along dim, eps)."""

    def forward(self, input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
        return F.normalize(input, p=p, dim=dim, eps=eps)
