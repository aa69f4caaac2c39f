"""Comparisons, logic and bits, elementwise: for masks and for ``where``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphspec.ops.functions.registry import function
from graphspec.ops.op import Number


@function("eq", broadcasts=True, sizes="anywhere")
class Eq(nn.Module):
    """input == other, as bool."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.eq(input, other)


@function("eq", scalar="other")
class EqScalar(nn.Module):
    """input == other, as bool, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.eq(input, other)


@function("ne", broadcasts=True, sizes="anywhere")
class Ne(nn.Module):
    """input != other, as bool."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.ne(input, other)


@function("ne", scalar="other")
class NeScalar(nn.Module):
    """input != other, as bool, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.ne(input, other)


@function("lt", broadcasts=True, sizes="anywhere")
class Lt(nn.Module):
    """input < other, as bool."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.lt(input, other)


@function("lt", scalar="other")
class LtScalar(nn.Module):
    """input < other, as bool, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.lt(input, other)


@function("le", broadcasts=True, sizes="anywhere")
class Le(nn.Module):
    """input <= other, as bool."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.le(input, other)


@function("le", scalar="other")
class LeScalar(nn.Module):
    """input <= other, as bool, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.le(input, other)


@function("gt", broadcasts=True, sizes="anywhere")
class Gt(nn.Module):
    """input > other, as bool."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.gt(input, other)


@function("gt", scalar="other")
class GtScalar(nn.Module):
    """input > other, as bool, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.gt(input, other)


@function("ge", broadcasts=True, sizes="anywhere")
class Ge(nn.Module):
    """input >= other, as bool."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.ge(input, other)


@function("ge", scalar="other")
class GeScalar(nn.Module):
    """input >= other, as bool, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.ge(input, other)


@function("isclose", broadcasts=True, sizes="anywhere")
class Isclose(nn.Module):
    """|input − other| ≤ atol + rtol × |other|, as bool."""

    def forward(
        self, input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
    ) -> Tensor:
        return torch.isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)


@function("logical_and", broadcasts=True, sizes="anywhere")
class LogicalAnd(nn.Module):
    """input and other, as bool; a number counts as true unless it is 0."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.logical_and(input, other)


@function("logical_or", broadcasts=True, sizes="anywhere")
class LogicalOr(nn.Module):
    """input or other, as bool; a number counts as true unless it is 0."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.logical_or(input, other)


@function("logical_not", sizes="anywhere")
class LogicalNot(nn.Module):
    """not input, as bool; a number counts as true unless it is 0."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.logical_not(input)


@function("logical_xor", broadcasts=True, sizes="anywhere")
class LogicalXor(nn.Module):
    """Whether one of the two is true, as bool; a number counts as true unless it is 0."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.logical_xor(input, other)


@function("bitwise_and", broadcasts=True, sizes="anywhere")
class BitwiseAnd(nn.Module):
    """The bits that both have, of whole numbers or bool."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.bitwise_and(input, other)


@function("bitwise_and", scalar="other")
class BitwiseAndScalar(nn.Module):
    """The bits that both have, of whole numbers or bool, where other is a number."""

    def forward(self, input: Tensor, other: int) -> Tensor:
        return torch.bitwise_and(input, other)


@function("bitwise_or", broadcasts=True, sizes="anywhere")
class BitwiseOr(nn.Module):
    """The bits that either has, of whole numbers or bool."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.bitwise_or(input, other)


@function("bitwise_or", scalar="other")
class BitwiseOrScalar(nn.Module):
    """The bits that either has, of whole numbers or bool, where other is a number."""

    def forward(self, input: Tensor, other: int) -> Tensor:
        return torch.bitwise_or(input, other)


@function("bitwise_xor", broadcasts=True, sizes="anywhere")
class BitwiseXor(nn.Module):
    """The bits that one of the two has, of whole numbers or bool."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.bitwise_xor(input, other)


@function("bitwise_xor", scalar="other")
class BitwiseXorScalar(nn.Module):
    """The bits that one of the two has, of whole numbers or bool, where other is a number."""

    def forward(self, input: Tensor, other: int) -> Tensor:
        return torch.bitwise_xor(input, other)


@function("isnan", sizes="anywhere")
class Isnan(nn.Module):
    """Whether each element is NaN, as bool."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.isnan(input)


@function("isinf", sizes="anywhere")
class Isinf(nn.Module):
    """Whether each element is infinite, as bool."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.isinf(input)


@function("isfinite", sizes="anywhere")
class Isfinite(nn.Module):
    """Whether each element is a finite number, as bool."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.isfinite(input)


@function("bitwise_not", sizes="anywhere")
class BitwiseNot(nn.Module):
    """The bits of input turned over, of bool its negation, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.bitwise_not(input)
