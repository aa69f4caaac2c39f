"""Convolutions with one number for all their dims, where ONNX wants a number for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from onnxscript.function_libs.torch_lib.ops import core

from graphspec.exporting.onnx.translations.values import rank


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    aten = torch.ops.aten
    return {
        aten.conv1d.default: _spread(core.aten_conv1d),
        aten.conv2d.default: _spread(core.aten_conv2d),
        aten.conv3d.default: _spread(core.aten_conv3d),
        aten.convolution.default: _spread(core.aten_convolution),
    }


def _spread(torch_s: Callable[..., Any]) -> Callable[..., Any]:
    def written(values: Any, weight: Any, bias: Any = None, *numbers: Any, **named: Any) -> Any:
        dims = rank(weight) - 2

        def each(number: Any) -> Any:
            return list(number) * dims if isinstance(number, list | tuple) and len(number) == 1 else number

        return torch_s(values, weight, bias, *map(each, numbers), **{name: each(v) for name, v in named.items()})

    return written
