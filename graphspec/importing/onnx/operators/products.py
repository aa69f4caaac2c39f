"""Products of matrices: with a constant matrix they are Linear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from graphspec.importing.onnx.operators.registry import operator

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call


def linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """`weight` as torch has it, out × in."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, dtype=weight.dtype)
    layer.weight.data.copy_(weight)
    if bias is not None:
        layer.bias.data.copy_(bias)
    return layer


@operator("MatMul")
def matmul(call: Call) -> Tensor:
    """A third input is the row that was added behind it."""
    weight, bias = call.constant(1), call.constant(2) if call.has(2) else None
    x = call.tensor()
    if weight is not None and weight.dim() == 2 and x.is_floating_point() and call.constant(0) is None:
        return call.layer(lambda: linear(weight.T, bias), weight=1)(x)
    product = torch.matmul(x, call.tensor(1))
    return product + call.tensor(2) if call.has(2) else product


@operator("Gemm")
def gemm(call: Call) -> Tensor:
    """``alpha · A · B + beta · C`` of matrices: Linear where B and C are constant, else ``matmul``."""
    alpha, beta = call.attribute("alpha", 1.0), call.attribute("beta", 1.0)
    x, weight = call.tensor(), call.constant(1)
    x = x.transpose(0, 1) if call.attribute("transA", 0) else x
    bias = _row(call, weight, beta)
    if weight is not None and (bias is not None or not call.has(2)):
        matrix = weight if call.attribute("transB", 0) else weight.T
        scaled = matrix if alpha == 1.0 else matrix * alpha
        return call.layer(lambda: linear(scaled, bias), weight=1)(x)
    other = call.tensor(1)
    product = torch.matmul(x, other.transpose(0, 1) if call.attribute("transB", 0) else other)
    product = product if alpha == 1.0 else product * alpha
    if not call.has(2):
        return product
    return product + (call.tensor(2) if beta == 1.0 else call.tensor(2) * beta)


def _row(call: Call, weight: Tensor | None, beta: float) -> Tensor | None:
    """The constant third input as one number an output."""
    bias = call.constant(2) if call.has(2) else None
    if bias is None or weight is None:
        return None
    count = weight.shape[0 if call.attribute("transB", 0) else 1]
    if bias.dim() == 2 and bias.shape[0] != 1:
        return None
    row = bias.reshape(-1) if beta == 1.0 else bias.reshape(-1) * beta
    return row.expand(count).contiguous() if row.numel() == 1 else row


@operator("Einsum")
def einsum(call: Call) -> Tensor:
    """``einsum`` of its equation."""
    return torch.einsum(call.attribute("equation"), *[call.tensor(n) for n in range(len(call.node.inputs))])
