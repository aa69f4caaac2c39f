"""Numbers beside values of float64: attributes of ONNX and torch's own translations hold float32's digits alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from onnxscript.function_libs.torch_lib.ops import core, nn

from graphspec.exporting.onnx.translations.values import cast, constant, op

#: α and scale of ``selu``, as torch has them.
_SELU = (1.6732632423543772, 1.0507009873554805)


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    aten = torch.ops.aten
    return {
        aten.scalar_tensor.default: _scalar_tensor,
        aten.clamp.default: _given_whole(core.aten_clamp),
        aten.clamp_min.default: _given_whole(core.aten_clamp_min),
        aten.clamp_max.default: _given_whole(core.aten_clamp_max),
        aten.remainder.Tensor: _in_double(_remainder, core.aten_remainder),
        aten.hardtanh.default: _in_double(_hardtanh, nn.aten_hardtanh),
        aten.leaky_relu.default: leaky_relu,
        aten.elu.default: _in_double(_elu, nn.aten_elu),
        aten.celu.default: _in_double(_celu, nn.aten_celu),
        aten.selu.default: _in_double(lambda values: _elu(values, *_SELU), op.Selu),
        aten.hardsigmoid.default: _in_double(_hardsigmoid, nn.aten_hardsigmoid),
        aten.sinc.default: _sinc,
        aten.hardswish.default: _in_double(lambda values: op.Mul(values, _hardsigmoid(values)), nn.aten_hardswish),
    }


def _sinc(values: Any) -> Any:
    """With the digits of π that the dtype holds."""
    zero, unit, pi = (constant(value, values.dtype.numpy()) for value in (0.0, 1.0, math.pi))
    at_zero = op.Equal(values, zero)
    angle = op.Where(at_zero, unit, op.Mul(values, pi))
    return op.Where(at_zero, unit, op.Div(op.Sin(angle), angle))


def _is_double(values: Any) -> bool:
    return bool(values.dtype == ir.DataType.DOUBLE)


def _number(value: float) -> Any:
    return constant(value, np.float64)


def _given_whole(torch_s: Callable[..., Any]) -> Callable[..., Any]:
    """torch's own translation, which casts numbers: beside float64 it is given them with all their digits."""

    def translated(values: Any, *numbers: Any, **named: Any) -> Any:
        if not _is_double(values):
            return torch_s(values, *numbers, **named)
        given = [_number(number) if isinstance(number, int | float) else number for number in numbers]
        more = {key: _number(number) if isinstance(number, int | float) else number for key, number in named.items()}
        return torch_s(values, *given, **more)

    return translated


def _in_double(own: Callable[..., Any], torch_s: Callable[..., Any]) -> Callable[..., Any]:
    """`own` for float64, where `torch_s` has attributes; those are float32 in every ONNX file."""
    return lambda values, *numbers, **named: (own if _is_double(values) else torch_s)(values, *numbers, **named)


def _scalar_tensor(number: Any, dtype: int | None = -1, **_: Any) -> Any:
    """A number with all its digits; one that is known only when the file is run is cast."""
    kind = ir.DataType(ir.DataType.FLOAT if dtype in (-1, None) else dtype)
    if isinstance(number, bool | int | float):
        return op.Constant(value=ir.tensor(np.asarray(number).astype(kind.numpy()), dtype=kind))
    return cast(number, kind)


def _remainder(values: Any, others: Any) -> Any:
    """What ``fmod`` leaves, moved to the sign of the divisor as torch does; x − ⌊x / y⌋ y loses digits."""
    rest, zero = op.Mod(values, others, fmod=1), _number(0)
    other_side = op.And(op.Not(op.Equal(rest, zero)), op.Xor(op.Less(rest, zero), op.Less(others, zero)))
    return op.Where(other_side, op.Add(rest, others), rest)


def _hardtanh(values: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    return op.Clip(values, _number(min_val), _number(max_val))


def leaky_relu(values: Any, negative_slope: float = 0.01) -> Any:
    """x above 0, and x times the slope below."""
    if not _is_double(values):
        return op.LeakyRelu(values, alpha=negative_slope)
    return op.Where(op.Greater(values, _number(0)), values, op.Mul(values, _number(negative_slope)))


def _elu(values: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    """scale · x above 0, and scale · α · (exp(u) − 1) for u = input_scale · x below.

    exp(u) − 1 is tanh(u / 2) · (exp(u) + 1), which keeps its digits where u is small.
    """
    inner = op.Mul(op.Min(values, _number(0)), _number(input_scale))
    below = op.Mul(op.Tanh(op.Div(inner, _number(2))), op.Add(op.Exp(inner), _number(1)))
    below = op.Mul(below, _number(alpha * scale))
    return op.Where(op.Greater(values, _number(0)), op.Mul(values, _number(scale)), below)


def _celu(values: Any, alpha: float = 1.0) -> Any:
    return _elu(values, alpha, 1.0, 1.0 / alpha)


def _hardsigmoid(values: Any) -> Any:
    return op.Div(op.Clip(op.Add(values, _number(3)), _number(0), _number(6)), _number(6))
