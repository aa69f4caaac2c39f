"""The ``torch`` functions a spec can name, each as a module whose forward has torch's own argument names.

To add one, write its class here: the decorator's name is what the spec says, forward's tensors are its inputs, its
other parameters are its arguments. The body is one return statement over torch, so that ``--emit python`` can write it
in line.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FUNCTIONS: dict[str, type[nn.Module]] = {}
#: Variants in which one input is a number: name → (that input, class).
SCALARS: dict[str, tuple[str, type[nn.Module]]] = {}


#: Elementwise functions of several values, whose shapes must agree unless ``broadcast = true``.
BROADCASTING: set[str] = set()


def function(name: str, scalar: str = "", broadcasts: bool = False) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Enter a class into the table; with `scalar`, as the variant of `name` in which that input is a number."""
    if broadcasts:
        BROADCASTING.add(name)

    def enter(module: type[nn.Module]) -> type[nn.Module]:
        if scalar:
            SCALARS[name] = (scalar, module)
        else:
            FUNCTIONS[name] = module
        return module

    return enter


@function("add", broadcasts=True)
class Add(nn.Module):
    """input + other."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.add(input, other)


@function("add", scalar="other")
class AddScalar(nn.Module):
    """input + other, where other is a number."""

    def forward(self, input: Tensor, other: float) -> Tensor:
        return torch.add(input, other)


@function("sub", broadcasts=True)
class Sub(nn.Module):
    """input - other."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.sub(input, other)


@function("sub", scalar="other")
class SubScalar(nn.Module):
    """input - other, where other is a number."""

    def forward(self, input: Tensor, other: float) -> Tensor:
        return torch.sub(input, other)


@function("mul", broadcasts=True)
class Mul(nn.Module):
    """input × other, elementwise."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.mul(input, other)


@function("mul", scalar="other")
class MulScalar(nn.Module):
    """input × other, elementwise, where other is a number."""

    def forward(self, input: Tensor, other: float) -> Tensor:
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

    def forward(self, input: Tensor, exponent: float) -> Tensor:
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


@function("clamp")
class Clamp(nn.Module):
    """input limited to [min, max]."""

    def forward(self, input: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
        return torch.clamp(input, min=min, max=max)


@function("where", broadcasts=True)
class Where(nn.Module):
    """input where condition holds, else other."""

    def forward(self, condition: Tensor, input: Tensor, other: Tensor) -> Tensor:
        return torch.where(condition, input, other)


@function("cat")
class Cat(nn.Module):
    """Values joined along dim."""

    def forward(self, tensors: list[Tensor], dim: int = 0) -> Tensor:
        return torch.cat(tensors, dim=dim)


@function("stack")
class Stack(nn.Module):
    """Values joined along a new dim."""

    def forward(self, tensors: list[Tensor], dim: int = 0) -> Tensor:
        return torch.stack(tensors, dim=dim)


@function("split")
class Split(nn.Module):
    """Pieces of split_size along dim; the first is called 0: `split.0`."""

    def forward(self, tensor: Tensor, split_size_or_sections: list[int], dim: int = 0) -> list[Tensor]:
        return list(torch.split(tensor, split_size_or_sections, dim=dim))


@function("chunk")
class Chunk(nn.Module):
    """The given number of equal pieces along dim; the first is called 0: `chunk.0`."""

    def forward(self, input: Tensor, chunks: int, dim: int = 0) -> list[Tensor]:
        return list(torch.chunk(input, chunks, dim=dim))


@function("unbind")
class Unbind(nn.Module):
    """The slices along dim, each without it; the first is called 0: `unbind.0`."""

    def forward(self, input: Tensor, dim: int = 0) -> list[Tensor]:
        return list(torch.unbind(input, dim=dim))


@function("matmul")
class Matmul(nn.Module):
    """The matrix product over the last two dims."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.matmul(input, other)


@function("bmm")
class Bmm(nn.Module):
    """The matrix product of two batches of matrices."""

    def forward(self, input: Tensor, mat2: Tensor) -> Tensor:
        return torch.bmm(input, mat2)


@function("einsum")
class Einsum(nn.Module):
    """A sum of products, in Einstein's notation."""

    def forward(self, operands: list[Tensor], equation: str) -> Tensor:
        return torch.einsum(equation, operands)


@function("scaled_dot_product_attention")
class ScaledDotProductAttention(nn.Module):
    """softmax(query keyᵀ / sqrt(d)) value (Vaswani et al. 2017, "Attention Is All You Need")."""

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False
    ) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=attn_mask, is_causal=is_causal)


@function("reshape")
class Reshape(nn.Module):
    """The same elements in another shape; one size may be -1."""

    def forward(self, input: Tensor, shape: list[int]) -> Tensor:
        return torch.reshape(input, shape)


@function("flatten")
class Flatten(nn.Module):
    """Dims start_dim to end_dim as one."""

    def forward(self, input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        return torch.flatten(input, start_dim=start_dim, end_dim=end_dim)


@function("permute")
class Permute(nn.Module):
    """The dims in another order."""

    def forward(self, input: Tensor, dims: list[int]) -> Tensor:
        return torch.permute(input, dims)


@function("transpose")
class Transpose(nn.Module):
    """Two dims exchanged."""

    def forward(self, input: Tensor, dim0: int, dim1: int) -> Tensor:
        return torch.transpose(input, dim0, dim1)


@function("squeeze")
class Squeeze(nn.Module):
    """A dim of size 1 removed."""

    def forward(self, input: Tensor, dim: int) -> Tensor:
        return torch.squeeze(input, dim=dim)


@function("unsqueeze")
class Unsqueeze(nn.Module):
    """A dim of size 1 put before dim."""

    def forward(self, input: Tensor, dim: int) -> Tensor:
        return torch.unsqueeze(input, dim=dim)


@function("expand")
class Expand(nn.Module):
    """Dims of size 1 repeated without a copy; -1 keeps a size."""

    def forward(self, input: Tensor, size: list[int]) -> Tensor:
        return input.expand(size)


@function("expand_as")
class ExpandAs(nn.Module):
    """input expanded to the shape of other."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return input.expand_as(other)


@function("flip")
class Flip(nn.Module):
    """The order along dims reversed."""

    def forward(self, input: Tensor, dims: list[int]) -> Tensor:
        return torch.flip(input, dims)


@function("roll")
class Roll(nn.Module):
    """Elements moved along dims, those that fall off put in at the other end."""

    def forward(self, input: Tensor, shifts: list[int], dims: list[int]) -> Tensor:
        return torch.roll(input, shifts, dims)


@function("narrow")
class Narrow(nn.Module):
    """length elements along dim from start on."""

    def forward(self, input: Tensor, dim: int, start: int, length: int) -> Tensor:
        return torch.narrow(input, dim, start, length)


@function("select")
class Select(nn.Module):
    """The slice at index along dim, without that dim."""

    def forward(self, input: Tensor, dim: int, index: int) -> Tensor:
        return torch.select(input, dim, index)


@function("slice")
class Slice(nn.Module):
    """input[start:end:step] along dim; end = None goes to its end."""

    def forward(self, input: Tensor, dim: int, start: int = 0, end: int | None = None, step: int = 1) -> Tensor:
        return torch.ops.aten.slice(input, dim, start, end, step)


@function("index_select")
class IndexSelect(nn.Module):
    """The slices along dim that index names."""

    def forward(self, input: Tensor, index: Tensor, dim: int) -> Tensor:
        return torch.index_select(input, dim, index)


@function("interpolate")
class Interpolate(nn.Module):
    """The last dims resized to size, in pixels."""

    def forward(
        self, input: Tensor, size: list[int], mode: str = "nearest", align_corners: bool | None = None
    ) -> Tensor:
        return F.interpolate(input, size=size, mode=mode, align_corners=align_corners)


@function("pad")
class Pad(nn.Module):
    """The last dims padded, pairs (before, after) from the last dim on."""

    def forward(self, input: Tensor, pad: list[int], mode: str = "constant", value: float | None = None) -> Tensor:
        return F.pad(input, pad, mode=mode, value=value)


@function("to")
class To(nn.Module):
    """input as another dtype."""

    def forward(self, input: Tensor, dtype: torch.dtype) -> Tensor:
        return input.to(dtype)


@function("arange")
class Arange(nn.Module):
    """0, 1, …, end - 1 as int64, on the device of the network."""

    place: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("place", torch.empty(0), persistent=False)

    def forward(self, end: int) -> Tensor:
        return torch.arange(end, device=self.place.device)


class Parameter(nn.Module):
    """A learned value of the given shape, zeros unless ``init`` says otherwise."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(shape))

    def forward(self) -> Tensor:
        return self.value


class Buffer(nn.Module):
    """A constant value, kept in the state_dict: nested lists of numbers."""

    value: Tensor

    def __init__(self, data: list) -> None:
        super().__init__()
        self.register_buffer("value", torch.tensor(data))

    def forward(self) -> Tensor:
        return self.value
