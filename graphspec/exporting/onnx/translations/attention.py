"""``scaled_dot_product_attention`` of any rank, with torch's zeros where a mask leaves nothing to look at."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import torch

from graphspec.exporting.onnx.translations.values import constant, fixed, lowest, op, positions, rank, size


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    return {torch.ops.aten.scaled_dot_product_attention.default: _attention}


def _attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    """softmax(Q Kᵀ · scale + mask) V over the last two dims; a row whose every score is −∞ gives zeros."""
    if enable_gqa:
        raise NotImplementedError("attention with groups of heads")
    axes = list(range(rank(key)))
    scores = op.MatMul(query, op.Transpose(key, perm=[*axes[:-2], axes[-1], axes[-2]]))
    if scale is None:
        width = fixed(query, rank(query) - 1)
        assert width is not None  # the width is that of a layer before
        scale = 1 / math.sqrt(width)
    scores = op.Mul(scores, op.CastLike(constant(scale, np.float64), query))
    keep = None
    if is_causal:
        rows, columns = positions(size(query, rank(query) - 2)), positions(size(key, rank(key) - 2))
        keep = op.LessOrEqual(
            op.Unsqueeze(columns, constant([0], np.int64)), op.Unsqueeze(rows, constant([1], np.int64))
        )
    elif attn_mask is not None and attn_mask.dtype == ir.DataType.BOOL:
        keep = attn_mask
    elif attn_mask is not None:
        scores = op.Add(scores, attn_mask)
        keep = op.Not(op.Equal(scores, op.CastLike(constant(-np.inf, np.float32), query)))
    if keep is None:
        return op.MatMul(op.Softmax(scores, axis=-1), value)
    least = op.CastLike(constant(lowest(query.dtype), np.float64), query)
    share = op.Softmax(op.Where(keep, scores, least), axis=-1)
    return op.MatMul(op.Where(keep, share, op.CastLike(constant(0, np.float32), query)), value)
