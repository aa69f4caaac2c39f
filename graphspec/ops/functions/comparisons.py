"""Comparisons and logic, elementwise: the ``torch`` functions that give bool, for masks and for ``where``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphspec.ops.functions.registry import function
from graphspec.ops.op import Number


@function("eq", broadcasts=True)
class Eq(nn.Module):
    """input == other, as bool."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.eq(input, other)


@function("eq", scalar="other")
class EqScalar(nn.Module):
    """input == other, as bool, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.eq(input, other)


@function("ne", broadcasts=True)
class Ne(nn.Module):
    """input != other, as bool."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.ne(input, other)


@function("ne", scalar="other")
class NeScalar(nn.Module):
    """input != other, as bool, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.ne(input, other)


@function("lt", broadcasts=True)
class Lt(nn.Module):
    """input < other, as bool."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.lt(input, other)


@function("lt", scalar="other")
class LtScalar(nn.Module):
    """input < other, as bool, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.lt(input, other)


@function("le", broadcasts=True)
class Le(nn.Module):
    """input <= other, as bool."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.le(input, other)


@function("le", scalar="other")
class LeScalar(nn.Module):
    """input <= other, as bool, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.le(input, other)


@function("gt", broadcasts=True)
class Gt(nn.Module):
    """input > other, as bool."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.gt(input, other)


@function("gt", scalar="other")
class GtScalar(nn.Module):
    """input > other, as bool, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.gt(input, other)


@function("ge", broadcasts=True)
class Ge(nn.Module):
    """input >= other, as bool."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.ge(input, other)


@function("ge", scalar="other")
class GeScalar(nn.Module):
    """input >= other, as bool, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.ge(input, other)


@function("logical_and", broadcasts=True)
class LogicalAnd(nn.Module):
    """input and other, as bool; a number counts as true unless it is 0."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.logical_and(input, other)


@function("logical_or", broadcasts=True)
class LogicalOr(nn.Module):
    """input or other, as bool; a number counts as true unless it is 0."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.logical_or(input, other)


@function("logical_not")
class LogicalNot(nn.Module):
    """not input, as bool; a number counts as true unless it is 0."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.logical_not(input)
