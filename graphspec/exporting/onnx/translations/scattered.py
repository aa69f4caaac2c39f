"""Values put where indices name: torch takes more of them than there are indices, ONNX as many, and knows no mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import torch

from graphspec.exporting.onnx.translations.values import constant, op, rank


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    aten = torch.ops.aten
    return {
        aten.scatter.src: _scatter, aten.scatter_add.default: _scatter_add, aten.scatter_reduce.two: _scatter_reduce,
    }  # fmt: skip


#: torch's reductions as ONNX calls them, with the number that changes nothing; of whole ones the bound on that side.
_REDUCTIONS: dict[str, tuple[str, float]] = {
    "sum": ("add", 0.0), "mean": ("add", 0.0), "prod": ("mul", 1.0), "amax": ("max", -math.inf),
    "amin": ("min", math.inf),
}  # fmt: skip


def _scatter(values: Any, dim: int, index: Any, src: Any) -> Any:
    return op.ScatterElements(values, index, _as_many(src, index), axis=dim)


def _scatter_add(values: Any, dim: int, index: Any, src: Any) -> Any:
    return op.ScatterElements(values, index, _as_many(src, index), axis=dim, reduction="add")


def _scatter_reduce(
    values: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True
) -> Any:  # torch's own parameters
    """A mean is the sum by how many were put at each place; of whole numbers what is below it."""
    reduction, number = _REDUCTIONS[reduce]
    own = values
    if not include_self:
        if not math.isfinite(number) and not values.dtype.is_floating_point():
            limits = np.iinfo(values.dtype.numpy())
            number = limits.min if number < 0 else limits.max
        nothing = op.ConstantOfShape(op.Shape(index), value=ir.tensor([number], dtype=values.dtype))
        own = op.ScatterElements(values, index, nothing, axis=dim)
    found = op.ScatterElements(own, index, _as_many(src, index), axis=dim, reduction=reduction)
    if reduce != "mean":
        return found
    start = op.ConstantOfShape(op.Shape(values), value=ir.tensor(np.array([int(include_self)])))
    ones = op.ConstantOfShape(op.Shape(index), value=ir.tensor(np.array([1])))
    count = op.Max(op.ScatterElements(start, index, ones, axis=dim, reduction="add"), constant(1, np.int64))
    count = op.CastLike(count, values)
    return op.Div(found if values.dtype.is_floating_point() else op.Sub(found, op.Mod(found, count)), count)


def _as_many(src: Any, index: Any) -> Any:
    """The first of `src` along each dim."""
    if list(src.shape) == list(index.shape):
        return src
    axes = list(range(rank(index)))
    return op.Slice(src, constant([0] * len(axes), np.int64), op.Shape(index), constant(axes, np.int64))
