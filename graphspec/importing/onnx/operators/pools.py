"""Pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from graphspec.importing.onnx.operators.padding import padded, pads_of
from graphspec.importing.onnx.operators.registry import operator

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call

_MAX: dict[int, Any] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
_AVERAGE: dict[int, Any] = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
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
    """AvgPool, or LPPool. Refused with dilations, and with pads that differ at both ends and are not counted."""
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
        raise call.refuse(
            "its pads are not alike at both ends, and are not counted", "count_include_pad = 1 can be said"
        )
    x, padding = padded(x, pads, 0.0, halves)
    counted = counted or not any(padding)
    kind = _AVERAGE[len(kernel)]
    return call.layer(lambda: kind(kernel, stride, padding, ceil_mode, counted))(x)


@operator("GlobalAveragePool", "GlobalMaxPool")
def global_pool(call: Call) -> Tensor:
    """An adaptive pool to one position, N × C × … to N × C × 1 × …"""
    x = call.tensor()
    kind = _GLOBAL[call.node.op].get(x.dim() - 2)
    if kind is None:
        raise call.refuse(f"it pools {x.dim() - 2} dims")
    return call.layer(lambda: kind(1))(x)
