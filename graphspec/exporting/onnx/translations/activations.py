"""Activations that stay exact where torch's own translation underflows or is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from onnxscript.function_libs.torch_lib.ops import core

from graphspec.exporting.onnx.translations.doubles import leaky_relu
from graphspec.exporting.onnx.translations.values import constant, op


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    aten = torch.ops.aten
    return {
        aten.log_sigmoid.default: _log_sigmoid,
        aten.softplus.default: _softplus,
        aten.logaddexp.default: _logaddexp,
        aten.floor.default: _whole_or(core.aten_floor),
        aten.ceil.default: _whole_or(core.aten_ceil),
        aten.trunc.default: _whole_or(core.aten_trunc),
        aten.round.default: _whole_or(core.aten_round),
        aten.rrelu.default: _rrelu,
        aten.rrelu_with_noise_functional.default: _rrelu_with_noise,
    }


def _whole_or(torch_s: Callable[..., Any]) -> Callable[..., Any]:
    """Whole numbers as they are, which ONNX's operator does not take; others by torch's own translation."""

    def rounded(values: Any) -> Any:
        whole = values.dtype is not None and values.dtype.is_integer()
        return op.Identity(values) if whole else torch_s(values)

    return rounded


def _log_sigmoid(values: Any) -> Any:
    """−softplus(−x); the logarithm of a sigmoid is −∞ below −104."""
    return op.Neg(_exact_softplus(op.Neg(values), values.dtype))


def _softplus(values: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(βx)) / β, and x itself where βx is above `threshold`."""
    scaled = values if beta == 1 else op.Mul(values, op.CastLike(constant(beta, np.float64), values))
    soft = _exact_softplus(scaled, values.dtype)
    soft = soft if beta == 1 else op.Div(soft, op.CastLike(constant(beta, np.float64), values))
    return op.Where(op.Greater(scaled, op.CastLike(constant(threshold, np.float64), values)), values, soft)


def _logaddexp(values: Any, others: Any) -> Any:
    """The greater one + log(1 + exp(−|x − y|)), which does not overflow; an infinite one is the answer itself."""
    greater = op.Max(values, others)
    rest = _exact_softplus(op.Neg(op.Abs(op.Sub(values, others))), values.dtype)
    return op.Where(op.IsInf(greater), greater, op.Add(greater, rest))


def _exact_softplus(values: Any, dtype: Any) -> Any:
    """Of `values` of `dtype`, which nothing infers where they are computed here.

    onnxruntime has Softplus in float32 alone; in float64, max(x, 0) + log(1 + exp(−|x|)).
    """
    if dtype != ir.DataType.DOUBLE:
        return op.Softplus(values)
    one, zero = constant(1, np.float64), constant(0, np.float64)
    return op.Add(op.Max(values, zero), op.Log(op.Add(one, op.Exp(op.Neg(op.Abs(values))))))


def _rrelu(
    values: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, generator: Any = None
) -> Any:
    """In evaluation the slope is the middle of the bounds."""
    return leaky_relu(values, (lower + upper) / 2)


def _rrelu_with_noise(
    values: Any, noise: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, generator: Any = None
) -> tuple[Any, Any]:
    return _rrelu(values, lower, upper), op.Identity(noise)
