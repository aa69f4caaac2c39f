"""Functions of every element that take several values or numbers: arithmetic, powers, limits, casts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphspec.ops.functions.registry import function
from graphspec.ops.op import Number


@function("add", broadcasts=True, sizes="anywhere")
class Add(nn.Module):
    """input + other."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.add(input, other)


@function("add", scalar="other")
class AddScalar(nn.Module):
    """input + other, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.add(input, other)


@function("sub", broadcasts=True, sizes="anywhere")
class Sub(nn.Module):
    """input - other."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.sub(input, other)


@function("sub", scalar="other")
class SubScalar(nn.Module):
    """input - other, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.sub(input, other)


@function("mul", broadcasts=True, sizes="anywhere")
class Mul(nn.Module):
    """input × other, elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.mul(input, other)


@function("mul", scalar="other")
class MulScalar(nn.Module):
    """input × other, elementwise, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.mul(input, other)


@function("div", broadcasts=True, sizes="anywhere")
class Div(nn.Module):
    """input / other, elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.div(input, other)


@function("div", scalar="other")
class DivScalar(nn.Module):
    """input / other, elementwise, where other is a number."""

    def forward(self, input: Tensor, other: float) -> Tensor:
        return torch.div(input, other)


@function("pow", broadcasts=True, sizes="anywhere")
class Pow(nn.Module):
    """input to the power of exponent, elementwise."""

    def forward(self, input: Tensor, exponent: Tensor) -> Tensor:
        return torch.pow(input, exponent)


@function("pow", scalar="exponent")
class PowScalar(nn.Module):
    """input to the power of exponent, elementwise, where exponent is a number."""

    def forward(self, input: Tensor, exponent: Number) -> Tensor:
        return torch.pow(input, exponent)


@function("maximum", broadcasts=True, sizes="anywhere")
class Maximum(nn.Module):
    """The greater of two values, elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.maximum(input, other)


@function("minimum", broadcasts=True, sizes="anywhere")
class Minimum(nn.Module):
    """The smaller of two values, elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.minimum(input, other)


@function("clamp", sizes="anywhere", example={"min": 0.0})
class Clamp(nn.Module):
    """input limited to [min, max]."""

    def forward(self, input: Tensor, min: Number | None = None, max: Number | None = None) -> Tensor:
        return torch.clamp(input, min=min, max=max)


@function("where", broadcasts=True, sizes="anywhere")
class Where(nn.Module):
    """input where condition holds, else other."""

    def forward(self, condition: Tensor, input: Tensor, other: Tensor) -> Tensor:
        return torch.where(condition, input, other)


@function("where", scalar="other")
class WhereScalar(nn.Module):
    """input where condition holds, else other, where other is a number."""

    def forward(self, condition: Tensor, input: Tensor, other: Number) -> Tensor:
        return torch.where(condition, input, other)


@function("to", sizes="anywhere")
class To(nn.Module):
    """input as another dtype."""

    def forward(self, input: Tensor, dtype: torch.dtype) -> Tensor:
        return input.to(dtype)


@function("floor_divide", broadcasts=True, sizes="anywhere")
class FloorDivide(nn.Module):
    """floor(input / other), elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.floor_divide(input, other)


@function("floor_divide", scalar="other")
class FloorDivideScalar(nn.Module):
    """floor(input / other), elementwise, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.floor_divide(input, other)  # type: ignore[arg-type]


@function("remainder", broadcasts=True, sizes="anywhere")
class Remainder(nn.Module):
    """The rest of input / other, with the sign of other, elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.remainder(input, other)


@function("remainder", scalar="other")
class RemainderScalar(nn.Module):
    """The rest of input / other, with the sign of other, elementwise, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.remainder(input, other)


@function("fmod", broadcasts=True, sizes="anywhere")
class Fmod(nn.Module):
    """The rest of input / other, with the sign of input, elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.fmod(input, other)


@function("fmod", scalar="other")
class FmodScalar(nn.Module):
    """The rest of input / other, with the sign of input, elementwise, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.fmod(input, other)


@function("atan2", broadcasts=True, sizes="anywhere")
class Atan2(nn.Module):
    """The angle of the point (other, input), elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.atan2(input, other)


@function("logaddexp", broadcasts=True, sizes="anywhere")
class Logaddexp(nn.Module):
    """log(exp(input) + exp(other)), elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.logaddexp(input, other)


@function("addcmul", broadcasts=True, sizes="anywhere")
class Addcmul(nn.Module):
    """input + value × tensor1 × tensor2, elementwise."""

    def forward(self, input: Tensor, tensor1: Tensor, tensor2: Tensor, value: Number = 1) -> Tensor:
        return torch.addcmul(input, tensor1, tensor2, value=value)


@function("addcdiv", broadcasts=True, sizes="anywhere")
class Addcdiv(nn.Module):
    """input + value × tensor1 / tensor2, elementwise."""

    def forward(self, input: Tensor, tensor1: Tensor, tensor2: Tensor, value: Number = 1) -> Tensor:
        return torch.addcdiv(input, tensor1, tensor2, value=value)


@function("lerp", broadcasts=True, sizes="anywhere")
class Lerp(nn.Module):
    """input + weight × (end - input), elementwise."""

    def forward(self, input: Tensor, end: Tensor, weight: Tensor) -> Tensor:
        return torch.lerp(input, end, weight)


@function("lerp", scalar="weight")
class LerpScalar(nn.Module):
    """input + weight × (end - input), elementwise, where weight is a number."""

    def forward(self, input: Tensor, end: Tensor, weight: float) -> Tensor:
        return torch.lerp(input, end, weight)


@function("masked_fill", broadcasts=True, sizes="anywhere")
class MaskedFill(nn.Module):
    """value where mask holds, else input."""

    def forward(self, input: Tensor, mask: Tensor, value: Number) -> Tensor:
        return input.masked_fill(mask, value)
