"""Pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.importing.onnx.operators.padding import Pads, padded, pads_of
from graphspec.importing.onnx.operators.registry import operator

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call

_MAX: dict[int, Any] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
_AVERAGE: dict[int, Any] = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
_AVERAGED: dict[int, Any] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_POWER: dict[int, Any] = {1: nn.LPPool1d, 2: nn.LPPool2d, 3: nn.LPPool3d}
_GLOBAL: dict[str, dict[int, Any]] = {
    "GlobalAveragePool": {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d},
    "GlobalMaxPool": {1: nn.AdaptiveMaxPool1d, 2: nn.AdaptiveMaxPool2d, 3: nn.AdaptiveMaxPool3d},
}


def _window(call: Call, x: Tensor) -> tuple[list[int], list[int], list[int]]:
    kernel = call.attribute("kernel_shape")
    if len(kernel) != x.dim() - 2 or len(kernel) not in _MAX:
        raise call.refuse(f"it pools {len(kernel)} dims of {x.dim()}")
    ones = [1] * len(kernel)
    return kernel, call.attribute("strides", ones), call.attribute("dilations", ones)


@operator("MaxPool")
def max_pool(call: Call) -> Tensor:
    """MaxPool over one to three dims. Refused where its indices are an output, which torch counts otherwise."""
    x = call.tensor()
    if any(call.node.outputs[1:]):
        raise call.refuse("its indices are an output, which torch counts otherwise")
    kernel, stride, dilation = _window(call, x)
    pads = pads_of(call, x, kernel, stride, dilation)
    x, padding = padded(x, pads, float("-inf"), [size // 2 for size in kernel])
    ceil_mode = bool(call.attribute("ceil_mode", 0))
    kind = _MAX[len(kernel)]
    return call.layer(lambda: kind(kernel, stride, padding, dilation, ceil_mode=ceil_mode))(x)


@operator("AveragePool", "LpPool")
def average_pool(call: Call) -> Tensor:
    """AvgPool, or LPPool; pads that differ at both ends and are not counted are divided out. Refused with dilations."""
    x = call.tensor()
    kernel, stride, dilation = _window(call, x)
    if dilation != [1] * len(kernel):
        raise call.refuse("it has dilations")
    pads = pads_of(call, x, kernel, stride, dilation)
    ceil_mode = bool(call.attribute("ceil_mode", 0))
    if call.node.op == "LpPool":
        x, padding = padded(x, pads, 0.0, [0] * len(kernel))
        power = float(call.attribute("p", 2))
        return call.layer(lambda: _POWER[len(kernel)](power, kernel, stride, ceil_mode))(x)
    counted = bool(call.attribute("count_include_pad", 0))
    halves = [size // 2 for size in kernel]
    alike = pads[0] == pads[1] and all(size <= half for size, half in zip(pads[0], halves, strict=True))
    if not alike and not counted:
        return _share(x, pads, (kernel, stride, 0, ceil_mode))
    x, padding = padded(x, pads, 0.0, halves)
    counted = counted or not any(padding)
    kind = _AVERAGE[len(kernel)]
    return call.layer(lambda: kind(kernel, stride, padding, ceil_mode, counted))(x)


def _share(x: Tensor, pads: Pads, window: tuple[list[int], list[int], int, bool]) -> Tensor:
    """The average of what is in a window and no pad: the padded one's, over that of ones."""
    pool = _AVERAGED[len(window[0])]
    none = [0] * len(window[0])
    whole, ones = (padded(each, pads, 0.0, none)[0] for each in (x, torch.ones_like(x)))
    return pool(whole, *window) / pool(ones, *window)


@operator("GlobalAveragePool", "GlobalMaxPool")
def global_pool(call: Call) -> Tensor:
    """An adaptive pool to one position, N × C × … to N × C × 1 × …"""
    x = call.tensor()
    kind = _GLOBAL[call.node.op].get(x.dim() - 2)
    if kind is None:
        raise call.refuse(f"it pools {x.dim() - 2} dims")
    return call.layer(lambda: kind(1))(x)
