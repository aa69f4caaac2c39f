"""Values put where indices name: torch takes more of them than there are indices, ONNX as many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from graphspec.exporting.onnx.translations.values import constant, op, rank


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    aten = torch.ops.aten
    return {aten.scatter.src: _scatter, aten.scatter_add.default: _scatter_add}


def _scatter(values: Any, dim: int, index: Any, src: Any) -> Any:
    return op.ScatterElements(values, index, _as_many(src, index), axis=dim)


def _scatter_add(values: Any, dim: int, index: Any, src: Any) -> Any:
    return op.ScatterElements(values, index, _as_many(src, index), axis=dim, reduction="add")


def _as_many(src: Any, index: Any) -> Any:
    """The first of `src` along each dim."""
    if list(src.shape) == list(index.shape):
        return src
    axes = list(range(rank(index)))
    return op.Slice(src, constant([0] * len(axes), np.int64), op.Shape(index), constant(axes, np.int64))
