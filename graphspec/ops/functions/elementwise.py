"""Functions of every element: arithmetic, powers, activations, limits."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.ops.functions.registry import function
from graphspec.ops.op import Number


@function("add", broadcasts=True)
class Add(nn.Module):
    """input + other."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.add(input, other)


@function("add", scalar="other")
class AddScalar(nn.Module):
    """input + other, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.add(input, other)


@function("sub", broadcasts=True)
class Sub(nn.Module):
    """input - other."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.sub(input, other)


@function("sub", scalar="other")
class SubScalar(nn.Module):
    """input - other, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.sub(input, other)


@function("mul", broadcasts=True)
class Mul(nn.Module):
    """input × other, elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.mul(input, other)


@function("mul", scalar="other")
class MulScalar(nn.Module):
    """input × other, elementwise, where other is a number."""

    def forward(self, input: Tensor, other: Number) -> Tensor:
        return torch.mul(input, other)


@function("div", broadcasts=True)
class Div(nn.Module):
    """input / other, elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.div(input, other)


@function("div", scalar="other")
class DivScalar(nn.Module):
    """input / other, elementwise, where other is a number."""

    def forward(self, input: Tensor, other: float) -> Tensor:
        return torch.div(input, other)


@function("pow")
class Pow(nn.Module):
    """input to the power of exponent, elementwise."""

    def forward(self, input: Tensor, exponent: Number) -> Tensor:
        return torch.pow(input, exponent)


@function("maximum", broadcasts=True)
class Maximum(nn.Module):
    """The greater of two values, elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.maximum(input, other)


@function("minimum", broadcasts=True)
class Minimum(nn.Module):
    """The smaller of two values, elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.minimum(input, other)


@function("abs")
class Abs(nn.Module):
    """The absolute value, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.abs(input)


@function("neg")
class Neg(nn.Module):
    """-input, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.neg(input)


@function("exp")
class Exp(nn.Module):
    """e to the power of input, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.exp(input)


@function("log")
class Log(nn.Module):
    """The natural logarithm, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.log(input)


@function("sqrt")
class Sqrt(nn.Module):
    """The square root, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.sqrt(input)


@function("rsqrt")
class Rsqrt(nn.Module):
    """1 / sqrt(input), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.rsqrt(input)


@function("square")
class Square(nn.Module):
    """input × input, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.square(input)


@function("sin")
class Sin(nn.Module):
    """The sine, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.sin(input)


@function("cos")
class Cos(nn.Module):
    """The cosine, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.cos(input)


@function("erf")
class Erf(nn.Module):
    """The error function, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.erf(input)


@function("relu")
class Relu(nn.Module):
    """max(0, input), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.relu(input)


@function("sigmoid")
class Sigmoid(nn.Module):
    """1 / (1 + exp(-input)), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.sigmoid(input)


@function("tanh")
class Tanh(nn.Module):
    """The hyperbolic tangent, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.tanh(input)


@function("reciprocal")
class Reciprocal(nn.Module):
    """1 / input, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.reciprocal(input)


@function("floor")
class Floor(nn.Module):
    """The greatest integer not above, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.floor(input)


@function("round")
class Round(nn.Module):
    """The nearest integer, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.round(input)


@function("sign")
class Sign(nn.Module):
    """-1, 0 or 1, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.sign(input)


@function("gelu")
class Gelu(nn.Module):
    """Gaussian error linear unit, elementwise."""

    def forward(self, input: Tensor, approximate: str = "none") -> Tensor:
        return F.gelu(input, approximate=approximate)


@function("silu")
class Silu(nn.Module):
    """x · sigmoid(x), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input)


@function("clamp")
class Clamp(nn.Module):
    """input limited to [min, max]."""

    def forward(self, input: Tensor, min: Number | None = None, max: Number | None = None) -> Tensor:
        return torch.clamp(input, min=min, max=max)


@function("where", broadcasts=True)
class Where(nn.Module):
    """input where condition holds, else other."""

    def forward(self, condition: Tensor, input: Tensor, other: Tensor) -> Tensor:
        return torch.where(condition, input, other)


@function("to")
class To(nn.Module):
    """input as another dtype."""

    def forward(self, input: Tensor, dtype: torch.dtype) -> Tensor:
        return input.to(dtype)
