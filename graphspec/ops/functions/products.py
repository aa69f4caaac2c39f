"""Matrix products and attention."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.ops.functions.registry import function


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
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        is_causal: bool = False,
        scale: float | None = None,
    ) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=attn_mask, is_causal=is_causal, scale=scale)
