"""Matrix products and attention."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.ops.functions.registry import function
from graphspec.ops.op import Number


@function("matmul", sizes="anywhere")
class Matmul(nn.Module):
    """The matrix product over the last two dims."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return torch.matmul(input, other)


@function("bmm", sizes="anywhere")
class Bmm(nn.Module):
    """The matrix product of two batches of matrices."""

    def forward(self, input: Tensor, mat2: Tensor) -> Tensor:
        return torch.bmm(input, mat2)


@function("einsum")
class Einsum(nn.Module):
    """A sum of products, in Einstein's notation."""

    def forward(self, operands: list[Tensor], equation: str) -> Tensor:
        return torch.einsum(equation, operands)


@function("scaled_dot_product_attention", sizes="anywhere")
class ScaledDotProductAttention(nn.Module):
    """softmax(query keyᵀ / sqrt(d)) value (Vaswani et al. 2017, "Attention Is All You Need"); dropout in training."""

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
    ) -> Tensor:
        dropout_p = dropout_p if self.training else 0.0
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask=attn_mask, dropout_p=dropout_p, is_causal=is_causal, scale=scale
        )


@function("addmm", sizes="anywhere")
class Addmm(nn.Module):
    """beta × input + alpha × mat1 mat2, the matrix product of two matrices."""

    def forward(self, input: Tensor, mat1: Tensor, mat2: Tensor, beta: Number = 1, alpha: Number = 1) -> Tensor:
        return torch.addmm(input, mat1, mat2, beta=beta, alpha=alpha)


@function("baddbmm", sizes="anywhere")
class Baddbmm(nn.Module):
    """beta × input + alpha × batch1 batch2, the matrix product of two batches of matrices."""

    def forward(self, input: Tensor, batch1: Tensor, batch2: Tensor, beta: Number = 1, alpha: Number = 1) -> Tensor:
        return torch.baddbmm(input, batch1, batch2, beta=beta, alpha=alpha)


@function("addbmm", sizes="anywhere")
class Addbmm(nn.Module):
    """beta × input + alpha × the sum of the products of two batches of matrices."""

    def forward(self, input: Tensor, batch1: Tensor, batch2: Tensor, beta: Number = 1, alpha: Number = 1) -> Tensor:
        return torch.addbmm(input, batch1, batch2, beta=beta, alpha=alpha)


@function("addmv", sizes="anywhere")
class Addmv(nn.Module):
    """beta × input + alpha × mat vec, the product of a matrix and a vector."""

    def forward(self, input: Tensor, mat: Tensor, vec: Tensor, beta: Number = 1, alpha: Number = 1) -> Tensor:
        return torch.addmv(input, mat, vec, beta=beta, alpha=alpha)


@function("addr", sizes="anywhere")
class Addr(nn.Module):
    """beta × input + alpha × every product of a number of vec1 and one of vec2."""

    def forward(self, input: Tensor, vec1: Tensor, vec2: Tensor, beta: Number = 1, alpha: Number = 1) -> Tensor:
        return torch.addr(input, vec1, vec2, beta=beta, alpha=alpha)


@function("kron", sizes="anywhere")
class Kron(nn.Module):
    """The Kronecker product: a block of other for every number of input, times that number."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        rank = max(input.dim(), other.dim())  # torch.kron fixes sizes while a network is exported
        left = input.reshape([1] * (rank - input.dim()) + list(input.shape))
        right = other.reshape([1] * (rank - other.dim()) + list(other.shape))
        sizes = [left.size(dim) * right.size(dim) for dim in range(rank)]
        for dim in range(rank):
            left, right = left.unsqueeze(2 * dim + 1), right.unsqueeze(2 * dim)
        return (left * right).reshape(sizes)


@function("cdist", sizes="anywhere")
class Cdist(nn.Module):
    """The p-norm distance of each row of x1 to each row of x2."""

    def forward(self, x1: Tensor, x2: Tensor, p: float = 2.0) -> Tensor:
        return torch.cdist(x1, x2, p=p)


@function("cross", broadcasts=True, sizes="anywhere")
class Cross(nn.Module):
    """The cross product of vectors of 3 along dim."""

    def forward(self, input: Tensor, other: Tensor, dim: int) -> Tensor:
        return torch.cross(input, other, dim=dim)
