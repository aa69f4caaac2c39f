"""Curves of elements beside the common ones of `unary` and `elementwise`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphspec.ops.functions.registry import function


@function("nan_to_num", sizes="anywhere")
class NanToNum(nn.Module):
    """nan in place of what is no number, posinf and neginf of infinity: by default the dtype's greatest and least."""

    def forward(
        self, input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
    ) -> Tensor:
        return torch.nan_to_num(input, nan=nan, posinf=posinf, neginf=neginf)


@function("logit", sizes="anywhere")
class Logit(nn.Module):
    """log(input / (1 - input)), elementwise; with eps, of input between eps and 1 - eps."""

    def forward(self, input: Tensor, eps: float | None = None) -> Tensor:
        return torch.logit(input, eps=eps)


@function("sinc", sizes="anywhere")
class Sinc(nn.Module):
    """sin(πx) / πx, 1 at 0, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.sinc(input)


@function("xlogy", broadcasts=True, sizes="anywhere")
class Xlogy(nn.Module):
    """input × log(other), 0 where input is 0, elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.xlogy(input, other)


@function("hypot", broadcasts=True, sizes="anywhere")
class Hypot(nn.Module):
    """sqrt(input² + other²), elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.hypot(input, other)


@function("heaviside", broadcasts=True, sizes="anywhere")
class Heaviside(nn.Module):
    """0 below 0, 1 above it, and values at 0, elementwise."""

    def forward(self, input: Tensor, values: Tensor) -> Tensor:
        return torch.heaviside(input, values)
