"""Operators of onnxruntime's own, which its optimiser writes: each is some of ONNX's in one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.importing.onnx.operators.layers import conv, fill
from graphspec.importing.onnx.operators.products import gemm
from graphspec.importing.onnx.operators.registry import operator
from graphspec.importing.onnx.values import short

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call

_ACTIVATIONS: dict[str, Callable[..., Tensor]] = {
    "Relu": torch.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh,
    "LeakyRelu": lambda x, slope=0.01: F.leaky_relu(x, slope), "Clip": lambda x, low, high: torch.clamp(x, low, high),
    "HardSigmoid": lambda x, alpha=0.2, beta=0.5: torch.clamp(x * alpha + beta, 0.0, 1.0),
}  # fmt: skip


def _activated(call: Call, x: Tensor) -> Tensor:
    name = call.attribute("activation", "")
    if not name:
        return x
    if name not in _ACTIVATIONS:
        raise call.refuse(f"its activation is {name}")
    return _ACTIVATIONS[name](x, *map(short, call.attribute("activation_params", [])))


@operator("com.microsoft.FusedConv")
def fused_conv(call: Call) -> Tensor:
    """A convolution, what is added to it, and an activation."""
    x = conv(call)
    return _activated(call, x + call.tensor(3) if call.has(3) else x)


@operator("com.microsoft.FusedGemm")
def fused_gemm(call: Call) -> Tensor:
    """Gemm and an activation."""
    return _activated(call, gemm(call))


@operator("com.microsoft.FusedMatMul")
def fused_matmul(call: Call) -> Tensor:
    """``alpha`` times the product of matrices, either transposed first. Refused where batches are transposed."""
    if call.attribute("transBatchA", 0) or call.attribute("transBatchB", 0):
        raise call.refuse("it transposes batches")
    a, b = call.tensor(0), call.tensor(1)
    a = a.transpose(-1, -2) if call.attribute("transA", 0) else a
    b = b.transpose(-1, -2) if call.attribute("transB", 0) else b
    alpha = short(call.attribute("alpha", 1.0))
    product = torch.matmul(a, b)
    return product if alpha == 1.0 else product * alpha


@operator("com.microsoft.Gelu", "com.microsoft.BiasGelu", "com.microsoft.FastGelu")
def gelu(call: Call) -> Tensor:
    """GELU of x, or of x and a bias; FastGelu is its approximation by tanh."""
    x = call.tensor() + call.tensor(1) if call.has(1) else call.tensor()
    return F.gelu(x, approximate="tanh" if call.node.op == "FastGelu" else "none")


@operator("com.microsoft.QuickGelu")
def quick_gelu(call: Call) -> Tensor:
    """x · sigmoid(``alpha`` · x)."""
    x = call.tensor()
    return x * torch.sigmoid(x * short(call.attribute("alpha", 1.702)))


@operator("com.microsoft.SkipLayerNormalization")
def skip_layer_norm(call: Call) -> tuple[Tensor | None, ...]:
    """A normalisation of the sum of two values, and of a bias; the sum itself may be an output."""
    total = call.tensor(0) + call.tensor(1)
    total = total + call.tensor(4) if call.has(4) else total
    weight, bias = call.constant(2), call.constant(3) if call.has(3) else None
    if weight is None or (call.has(3) and bias is None):
        raise call.refuse("its weights are computed")
    eps = short(call.attribute("epsilon", 1e-12))
    make = lambda: fill(nn.LayerNorm(weight.numel(), eps, bias=bias is not None), weight=weight, bias=bias)  # noqa: E731
    return call.layer(make, weight=2)(total), None, None, total
