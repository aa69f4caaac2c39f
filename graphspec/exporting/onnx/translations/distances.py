"""Distances and angles of points: torch's exporter has no form of the one, and loses the other on the negative axis."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import torch

from graphspec.exporting.onnx.translations.values import cast, constant, op


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    aten = torch.ops.aten
    return {
        aten.atan2.default: _angle, aten.hypot.default: _length, aten.cdist.default: _distances,
        aten._cdist_forward.default: _distances,
    }  # fmt: skip


def _length(one: Any, other: Any) -> Any:
    """Of the sides in units of the longer one, whose square no dtype may hold."""
    zero, unit = (constant(value, one.dtype.numpy()) for value in (0.0, 1.0))
    one, other = op.Abs(one), op.Abs(other)
    longer = op.Max(one, other)
    plain = op.Or(op.Equal(longer, zero), op.IsInf(longer))
    by = op.Where(plain, unit, longer)
    parts = (op.Div(side, by) for side in (one, other))
    return op.Where(plain, longer, op.Mul(longer, op.Sqrt(op.Add(*(op.Mul(part, part) for part in parts)))))


def _angle(y: Any, x: Any) -> Any:
    """Of the sides' quotient, put in the quadrant of their signs; those of zeros count, as in C."""
    dtype = x.dtype if y.dtype.is_integer() else y.dtype
    dtype = ir.DataType.FLOAT if dtype.is_integer() else dtype
    y, x = cast(y, dtype), cast(x, dtype)
    zero, one, half, pi = (constant(value, dtype.numpy()) for value in (0.0, 1.0, math.pi / 2, math.pi))

    def below(value: Any) -> Any:
        return op.Or(op.Less(value, zero), op.Less(op.Div(one, value), zero))

    up, left = below(y), below(x)
    endless = op.And(op.IsInf(y), op.IsInf(x))
    high, wide = (op.Where(endless, one, op.Abs(value)) for value in (y, x))
    nowhere = op.And(op.Equal(y, zero), op.Equal(x, zero))
    steep = op.And(op.Greater(high, zero), op.Equal(x, zero))
    angle = op.Where(nowhere, zero, op.Where(steep, half, op.Atan(op.Div(high, wide))))
    angle = op.Where(left, op.Sub(pi, angle), angle)
    return op.Where(up, op.Neg(angle), angle)


def _distances(one: Any, other: Any, p: float = 2.0, compute_mode: int | None = None) -> Any:
    """Each row of the one with each of the other."""
    apart = op.Sub(op.Unsqueeze(one, _axis(-2)), op.Unsqueeze(other, _axis(-3)))
    if p == 2:
        return op.ReduceL2(apart, _axis(-1), keepdims=0)
    if p == 1:
        return op.ReduceL1(apart, _axis(-1), keepdims=0)
    apart, dtype = op.Abs(apart), one.dtype.numpy()
    if math.isinf(p):
        return op.ReduceMax(apart, _axis(-1), keepdims=0)
    if p == 0:
        return op.ReduceSum(op.Cast(op.Greater(apart, constant(0, dtype)), to=one.dtype), _axis(-1), keepdims=0)
    total = op.ReduceSum(op.Pow(apart, constant(p, dtype)), _axis(-1), keepdims=0)
    return op.Pow(total, constant(1 / p, dtype))


def _axis(axis: int) -> Any:
    return constant([axis], np.int64)
