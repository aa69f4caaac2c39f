"""Functions along dims: sums, means, extremes, norms, softmax."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.ops.functions.registry import function


@function("softmax", sizes="anywhere")
class Softmax(nn.Module):
    """exp(input) / sum(exp(input)) along dim."""

    def forward(self, input: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
        return F.softmax(input, dim=dim, dtype=dtype)


@function("log_softmax", sizes="anywhere")
class LogSoftmax(nn.Module):
    """log(softmax(input)) along dim."""

    def forward(self, input: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
        return F.log_softmax(input, dim=dim, dtype=dtype)


@function("mean", sizes="anywhere")
class Mean(nn.Module):
    """The mean along dim (one or several)."""

    def forward(self, input: Tensor, dim: list[int], keepdim: bool = False, dtype: torch.dtype | None = None) -> Tensor:
        return torch.mean(input, dim=dim, keepdim=keepdim, dtype=dtype)


@function("sum", sizes="anywhere")
class Sum(nn.Module):
    """The sum along dim (one or several)."""

    def forward(self, input: Tensor, dim: list[int], keepdim: bool = False, dtype: torch.dtype | None = None) -> Tensor:
        return torch.sum(input, dim=dim, keepdim=keepdim, dtype=dtype)


@function("amax", sizes="anywhere")
class Amax(nn.Module):
    """The maximum along dim (one or several)."""

    def forward(self, input: Tensor, dim: list[int], keepdim: bool = False) -> Tensor:
        return torch.amax(input, dim=dim, keepdim=keepdim)


@function("amin", sizes="anywhere")
class Amin(nn.Module):
    """The minimum along dim (one or several)."""

    def forward(self, input: Tensor, dim: list[int], keepdim: bool = False) -> Tensor:
        return torch.amin(input, dim=dim, keepdim=keepdim)


@function("argmax", sizes="anywhere")
class Argmax(nn.Module):
    """The index of the greatest value along dim."""

    def forward(self, input: Tensor, dim: int, keepdim: bool = False) -> Tensor:
        return torch.argmax(input, dim=dim, keepdim=keepdim)


@function("argmin", sizes="anywhere")
class Argmin(nn.Module):
    """The index of the smallest value along dim."""

    def forward(self, input: Tensor, dim: int, keepdim: bool = False) -> Tensor:
        return torch.argmin(input, dim=dim, keepdim=keepdim)


@function("prod", sizes="anywhere")
class Prod(nn.Module):
    """The product along dim."""

    def forward(self, input: Tensor, dim: int, keepdim: bool = False) -> Tensor:
        return torch.prod(input, dim=dim, keepdim=keepdim)


@function("var", sizes="anywhere")
class Var(nn.Module):
    """The variance along dim, divided by n - correction."""

    def forward(self, input: Tensor, dim: list[int], correction: int = 1, keepdim: bool = False) -> Tensor:
        return torch.var(input, dim=dim, correction=correction, keepdim=keepdim)


@function("cumsum", sizes="anywhere")
class Cumsum(nn.Module):
    """The running sum along dim."""

    def forward(self, input: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
        return torch.cumsum(input, dim=dim, dtype=dtype)


@function("norm", sizes="anywhere")
class Norm(nn.Module):
    """The p-norm along dim."""

    def forward(self, input: Tensor, dim: list[int], p: float = 2.0, keepdim: bool = False) -> Tensor:
        return torch.norm(input, p=p, dim=dim, keepdim=keepdim)


@function("normalize", sizes="anywhere")
class Normalize(nn.Module):
    """input / max(its p-norm along dim, eps)."""

    def forward(self, input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
        return F.normalize(input, p=p, dim=dim, eps=eps)


@function("std", sizes="anywhere")
class Std(nn.Module):
    """The standard deviation along dim: the root of the variance, divided by n - correction."""

    def forward(self, input: Tensor, dim: list[int], correction: int = 1, keepdim: bool = False) -> Tensor:
        return torch.std(input, dim=dim, correction=correction, keepdim=keepdim)


@function("var_mean", values={"var": (0,), "mean": (1,)}, sizes="anywhere")
class VarMean(nn.Module):
    """The variance along dim, divided by n - correction, and the mean."""

    def forward(
        self, input: Tensor, dim: list[int], correction: int = 1, keepdim: bool = False
    ) -> tuple[Tensor, Tensor]:
        return torch.var_mean(input, dim=dim, correction=correction, keepdim=keepdim)


@function("std_mean", values={"std": (0,), "mean": (1,)}, sizes="anywhere")
class StdMean(nn.Module):
    """The standard deviation along dim: the root of the variance, divided by n - correction; and the mean."""

    def forward(
        self, input: Tensor, dim: list[int], correction: int = 1, keepdim: bool = False
    ) -> tuple[Tensor, Tensor]:
        return torch.std_mean(input, dim=dim, correction=correction, keepdim=keepdim)


@function("max", values={"values": (0,), "indices": (1,)}, sizes="anywhere")
class Max(nn.Module):
    """The greatest value along dim, and its index."""

    def forward(self, input: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
        return torch.max(input, dim=dim, keepdim=keepdim)


@function("min", values={"values": (0,), "indices": (1,)}, sizes="anywhere")
class Min(nn.Module):
    """The smallest value along dim, and its index."""

    def forward(self, input: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
        return torch.min(input, dim=dim, keepdim=keepdim)


@function("logsumexp", sizes="anywhere")
class Logsumexp(nn.Module):
    """log(sum(exp(input))) along dim (one or several)."""

    def forward(self, input: Tensor, dim: list[int], keepdim: bool = False) -> Tensor:
        return torch.logsumexp(input, dim=dim, keepdim=keepdim)


@function("any", sizes="anywhere")
class Any(nn.Module):
    """Whether any element along dim is true, as bool; a number counts as true unless it is 0."""

    def forward(self, input: Tensor, dim: int, keepdim: bool = False) -> Tensor:
        return torch.any(input, dim=dim, keepdim=keepdim)


@function("all", sizes="anywhere")
class All(nn.Module):
    """Whether all elements along dim are true, as bool; a number counts as true unless it is 0."""

    def forward(self, input: Tensor, dim: int, keepdim: bool = False) -> Tensor:
        return torch.all(input, dim=dim, keepdim=keepdim)


@function("cumprod", sizes="anywhere")
class Cumprod(nn.Module):
    """The running product along dim."""

    def forward(self, input: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
        return torch.cumprod(input, dim=dim, dtype=dtype)


@function("nansum", sizes="anywhere")
class Nansum(nn.Module):
    """The sum along dim (one or several) of what is a number."""

    def forward(self, input: Tensor, dim: list[int], keepdim: bool = False, dtype: torch.dtype | None = None) -> Tensor:
        return torch.nansum(input, dim=dim, keepdim=keepdim, dtype=dtype)


@function("count_nonzero", sizes="anywhere")
class CountNonzero(nn.Module):
    """How many elements along dim (one or several) are not 0, as int64."""

    def forward(self, input: Tensor, dim: list[int]) -> Tensor:
        return torch.count_nonzero(input, dim=dim)
