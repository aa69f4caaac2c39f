"""Layers with weights: convolutions, normalisations, tables of embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.importing.onnx.operators.padding import Pads, padded, pads_of
from graphspec.importing.onnx.operators.registry import operator
from graphspec.importing.onnx.values import short

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call

_CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_BATCH_NORMS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
_INSTANCE_NORMS = {3: nn.InstanceNorm1d, 4: nn.InstanceNorm2d, 5: nn.InstanceNorm3d}


def fill(layer: nn.Module, **tensors: Tensor | None) -> nn.Module:
    """`layer` with these numbers."""
    own = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
    for name, value in tensors.items():
        if value is not None:
            own[name].data.copy_(value)
    return layer


@operator("Conv")
def conv(call: Call) -> Tensor:
    """A convolution over one to three dims: a layer, or a function where its weights are computed."""
    x, weight, bias = call.tensor(), call.constant(1), call.constant(2) if call.has(2) else None
    rank = x.dim() - 2
    if rank not in _CONVOLUTIONS:
        raise call.refuse(f"a convolution over {rank} dims")
    stride, dilation = (call.attribute(name, [1] * rank) for name in ("strides", "dilations"))
    kernel = list((weight if weight is not None else call.tensor(1)).shape[2:])
    pads = pads_of(call, x, kernel, stride, dilation)
    x, padding = padded(x, pads, 0.0)
    groups = call.attribute("group", 1)
    if weight is None or (call.has(2) and bias is None):
        function = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[rank]
        return function(x, call.tensor(1), call.tensor(2) if call.has(2) else None, stride, padding, dilation, groups)

    def make() -> nn.Module:
        layer = _CONVOLUTIONS[rank](
            weight.shape[1] * groups, weight.shape[0], kernel, stride, padding, dilation, groups, bias is not None,
            dtype=weight.dtype,
        )  # fmt: skip
        return fill(layer, weight=weight, bias=bias)

    return call.layer(make, weight=1, extra=padding)(x)


@operator("ConvTranspose")
def conv_transpose(call: Call) -> Tensor:
    """A transposed convolution over one to three dims; pads that torch cannot say are cut off. Refused where its
    weights are computed.
    """
    x, weight, bias = call.tensor(), call.constant(1), call.constant(2) if call.has(2) else None
    rank = x.dim() - 2
    if weight is None or (call.has(2) and bias is None):
        raise call.refuse("its weights are computed")
    stride, dilation, extra = (
        call.attribute(name, [default] * rank)
        for name, default in (("strides", 1), ("dilations", 1), ("output_padding", 0))
    )
    groups, kernel = call.attribute("group", 1), list(weight.shape[2:])
    before, after = _transposed_pads(call, x, kernel, stride, dilation, extra)
    plain = all(
        b >= 0 and 0 <= o + b - a < max(s, d)
        for b, a, o, s, d in zip(before, after, extra, stride, dilation, strict=True)
    )
    padding = before if plain else [0] * rank
    output_padding = [o + b - a for b, a, o in zip(before, after, extra, strict=True)] if plain else extra

    def make() -> nn.Module:
        layer = _TRANSPOSED[rank](
            weight.shape[0], weight.shape[1] * groups, kernel, stride, padding, output_padding, groups,
            bias is not None, dilation, dtype=weight.dtype,
        )  # fmt: skip
        return fill(layer, weight=weight, bias=bias)

    found = call.layer(make, weight=1, extra=(padding, output_padding))(x)
    if not plain:
        found = found[
            (slice(None), slice(None), *(slice(b, -a if a else None) for b, a in zip(before, after, strict=True)))
        ]
    return found


def _transposed_pads(
    call: Call, x: Tensor, kernel: list[int], stride: list[int], dilation: list[int], extra: list[int]
) -> Pads:
    """What is cut away at both ends of each dim: as written, or so that the stated size comes out."""
    rank = len(kernel)
    automatic = call.attribute("auto_pad", "NOTSET")
    sizes = call.attribute("output_shape")
    if not sizes and automatic in ("NOTSET", "VALID"):
        pads = call.attribute("pads", [0] * 2 * rank)
        return pads[:rank], pads[rank:]
    wanted = sizes or [int(x.shape[n + 2]) * stride[n] for n in range(rank)]
    total = [
        max(0, stride[n] * (int(x.shape[n + 2]) - 1) + extra[n] + (kernel[n] - 1) * dilation[n] + 1 - wanted[n])
        for n in range(rank)
    ]
    half = [size // 2 for size in total]
    rest = [size - part for size, part in zip(total, half, strict=True)]
    return (half, rest) if automatic == "SAME_UPPER" else (rest, half)


@operator("BatchNormalization")
def batch_norm(call: Call) -> Any:
    """BatchNorm with its statistics; momentum is 1 − ONNX's. Refused in training mode and where they are computed."""
    x = call.tensor()
    if call.attribute("training_mode", 0):
        raise call.refuse("it is in training mode", "export the network in evaluation mode")
    tensors = [call.constant(n) for n in range(1, 5)]
    if any(tensor is None for tensor in tensors) or x.dim() not in _BATCH_NORMS:
        raise call.refuse("its statistics are computed" if x.dim() in _BATCH_NORMS else f"it has {x.dim()} dims")
    weight, bias, mean, var = tensors
    eps, momentum = short(call.attribute("epsilon", 1e-5)), short(1.0 - short(call.attribute("momentum", 0.9)))

    def make() -> nn.Module:
        assert weight is not None
        layer = _BATCH_NORMS[x.dim()](weight.numel(), eps=eps, momentum=momentum, dtype=weight.dtype)
        return fill(layer, weight=weight, bias=bias, running_mean=mean, running_var=var)

    return call.layer(make, weight=1)(x)


@operator("InstanceNormalization")
def instance_norm(call: Call) -> Tensor:
    """InstanceNorm with weights over N × C × … Refused where they are computed."""
    x, weight, bias = call.tensor(), call.constant(1), call.constant(2)
    eps = short(call.attribute("epsilon", 1e-5))
    if weight is None or bias is None or x.dim() not in _INSTANCE_NORMS:
        raise call.refuse("its weights are computed" if x.dim() in _INSTANCE_NORMS else f"it has {x.dim()} dims")

    def make() -> nn.Module:
        layer = _INSTANCE_NORMS[x.dim()](weight.numel(), eps=eps, affine=True, dtype=weight.dtype)
        return fill(layer, weight=weight, bias=bias)

    return call.layer(make, weight=1)(x)


@operator("LayerNormalization", "RMSNormalization")
def layer_norm(call: Call) -> Tensor:
    """Statistics over the dims from ``axis`` on, of one shape with the weights."""
    x, weight, bias = call.tensor(), call.constant(1), call.constant(2) if call.has(2) else None
    if any(call.node.outputs[1:]):
        raise call.refuse("its statistics are an output")
    axis = call.attribute("axis", -1) % x.dim()
    shape = [int(size) for size in x.shape[axis:]]
    eps = short(call.attribute("epsilon", 1e-5))
    kind: Any = nn.LayerNorm if call.node.op == "LayerNormalization" else nn.RMSNorm
    if weight is None or (call.has(2) and bias is None) or list(weight.shape) != shape:
        plain = call.layer(lambda: kind(shape, eps, elementwise_affine=False))(x)
        return plain * call.tensor(1) + call.tensor(2) if call.has(2) else plain * call.tensor(1)
    words = {"bias": bias is not None} if kind is nn.LayerNorm else {}
    return call.layer(
        lambda: fill(kind(shape, eps, dtype=weight.dtype, **words), weight=weight, bias=bias), weight=1, extra=shape
    )(x)


@operator("GroupNormalization")
def group_norm(call: Call) -> Tensor:
    """Weights a channel; before opset 21 they were one a group."""
    x, weight, bias = call.tensor(), call.constant(1), call.constant(2)
    groups, channels = call.attribute("num_groups"), int(x.shape[1])
    if weight is None or bias is None:
        raise call.refuse("its weights are computed")
    if weight.numel() == groups != channels:
        weight, bias = (each.repeat_interleave(channels // groups) for each in (weight, bias))
    eps = short(call.attribute("epsilon", 1e-5))
    return call.layer(lambda: fill(nn.GroupNorm(groups, channels, eps), weight=weight, bias=bias), weight=1)(x)


@operator("LRN")
def local_response_norm(call: Call) -> Tensor:
    """LocalResponseNorm; ``bias`` is torch's ``k``."""
    size, alpha, beta, k = (
        call.attribute(name, default) for name, default in (("size", 1), ("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))
    )
    return call.layer(lambda: nn.LocalResponseNorm(size, short(alpha), short(beta), short(k)))(call.tensor())


@operator("LpNormalization")
def lp_norm(call: Call) -> Tensor:
    """``normalize`` along ``axis`` by the norm of order ``p``."""
    return F.normalize(call.tensor(), float(call.attribute("p", 2)), call.attribute("axis", -1))


@operator("MeanVarianceNormalization")
def mean_variance(call: Call) -> Tensor:
    """Mean 0 and deviation 1 over ``axes``, with ONNX's own 1e-9 beside the deviation."""
    x, axes = call.tensor(), call.attribute("axes", [0, 2, 3])
    centred = x - x.mean(axes, keepdim=True)
    return centred / (torch.sqrt((centred * centred).mean(axes, keepdim=True)) + 1e-9)


def embedded(call: Call, table: Tensor, ids: Tensor) -> Tensor:
    """Rows of a constant table."""

    def make() -> nn.Module:
        return fill(nn.Embedding(table.shape[0], table.shape[1], dtype=table.dtype), weight=table)

    return call.layer(make, hint="", weight=0)(ids)
