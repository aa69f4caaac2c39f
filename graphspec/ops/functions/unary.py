"""Functions of every element of one value: powers, curves, activations, rounding."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.ops.functions.registry import function


@function("abs", sizes="anywhere")
class Abs(nn.Module):
    """The absolute value, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.abs(input)


@function("neg", sizes="anywhere")
class Neg(nn.Module):
    """-input, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.neg(input)


@function("exp", sizes="anywhere")
class Exp(nn.Module):
    """e to the power of input, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.exp(input)


@function("log", sizes="anywhere")
class Log(nn.Module):
    """The natural logarithm, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.log(input)


@function("sqrt", sizes="anywhere")
class Sqrt(nn.Module):
    """The square root, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.sqrt(input)


@function("rsqrt", sizes="anywhere")
class Rsqrt(nn.Module):
    """1 / sqrt(input), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.rsqrt(input)


@function("square", sizes="anywhere")
class Square(nn.Module):
    """input × input, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.square(input)


@function("sin", sizes="anywhere")
class Sin(nn.Module):
    """The sine, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.sin(input)


@function("cos", sizes="anywhere")
class Cos(nn.Module):
    """The cosine, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.cos(input)


@function("erf", sizes="anywhere")
class Erf(nn.Module):
    """The error function, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.erf(input)


@function("relu", sizes="anywhere")
class Relu(nn.Module):
    """max(0, input), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.relu(input)


@function("sigmoid", sizes="anywhere")
class Sigmoid(nn.Module):
    """1 / (1 + exp(-input)), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.sigmoid(input)


@function("tanh", sizes="anywhere")
class Tanh(nn.Module):
    """The hyperbolic tangent, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.tanh(input)


@function("reciprocal", sizes="anywhere")
class Reciprocal(nn.Module):
    """1 / input, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.reciprocal(input)


@function("floor", sizes="anywhere")
class Floor(nn.Module):
    """The greatest integer not above, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.floor(input)


@function("round", sizes="anywhere")
class Round(nn.Module):
    """The nearest number with that many decimals, elementwise; of two the even one."""

    def forward(self, input: Tensor, decimals: int = 0) -> Tensor:
        # torch rounds whole numbers only where no decimals are named
        return torch.round(input, decimals=decimals) if decimals else torch.round(input)


@function("sign", sizes="anywhere")
class Sign(nn.Module):
    """-1, 0 or 1, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.sign(input)


@function("gelu", sizes="anywhere")
class Gelu(nn.Module):
    """Gaussian error linear unit, elementwise."""

    def forward(self, input: Tensor, approximate: str = "none") -> Tensor:
        return F.gelu(input, approximate=approximate)


@function("silu", sizes="anywhere")
class Silu(nn.Module):
    """x · sigmoid(x), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input)


@function("ceil", sizes="anywhere")
class Ceil(nn.Module):
    """The least integer not below, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.ceil(input)


@function("trunc", sizes="anywhere")
class Trunc(nn.Module):
    """The integer towards zero, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.trunc(input)


@function("exp2", sizes="anywhere")
class Exp2(nn.Module):
    """2 to the power of input, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.exp2(input)


@function("expm1", sizes="anywhere")
class Expm1(nn.Module):
    """exp(input) - 1, exact near 0, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.expm1(input)


@function("log2", sizes="anywhere")
class Log2(nn.Module):
    """The logarithm to base 2, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.log2(input)


@function("log10", sizes="anywhere")
class Log10(nn.Module):
    """The logarithm to base 10, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.log10(input)


@function("log1p", sizes="anywhere")
class Log1p(nn.Module):
    """log(1 + input), exact near 0, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.log1p(input)


@function("tan", sizes="anywhere")
class Tan(nn.Module):
    """The tangent, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.tan(input)


@function("asin", sizes="anywhere")
class Asin(nn.Module):
    """The inverse sine, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.asin(input)


@function("acos", sizes="anywhere")
class Acos(nn.Module):
    """The inverse cosine, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.acos(input)


@function("atan", sizes="anywhere")
class Atan(nn.Module):
    """The inverse tangent, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.atan(input)


@function("sinh", sizes="anywhere")
class Sinh(nn.Module):
    """The hyperbolic sine, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.sinh(input)


@function("cosh", sizes="anywhere")
class Cosh(nn.Module):
    """The hyperbolic cosine, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.cosh(input)


@function("asinh", sizes="anywhere")
class Asinh(nn.Module):
    """The inverse hyperbolic sine, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.asinh(input)


@function("acosh", sizes="anywhere")
class Acosh(nn.Module):
    """The inverse hyperbolic cosine, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.acosh(input)


@function("atanh", sizes="anywhere")
class Atanh(nn.Module):
    """The inverse hyperbolic tangent, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.atanh(input)


@function("erfc", sizes="anywhere")
class Erfc(nn.Module):
    """1 - erf(input), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.erfc(input)
