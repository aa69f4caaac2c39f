"""Elements moved, or repeated, by a size that is known at run time alone; dims that may be dropped by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from onnxscript.function_libs.torch_lib.ops import core

from graphspec.exporting.onnx.translations.values import (
    as_list,
    constant,
    fixed,
    op,
    pieces,
    rank,
    scalar,
    size,
    told,
    vector,
)


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    aten = torch.ops.aten
    return {
        aten.roll.default: _roll, aten.repeat_interleave.self_int: _repeat_interleave, aten.squeeze.dim: _squeeze,
    }  # fmt: skip


def _squeeze(value: Any, dim: int) -> Any:
    """Without `dim` where that is 1; a size that is open is another, as torch has it, and ONNX refuses to drop it."""
    one = not rank(value) or fixed(value, dim % rank(value)) == 1
    return core.aten_squeeze_dim(value, dim) if one else op.Identity(value)


def _roll(value: Any, shifts: Sequence[Any], dims: Sequence[int] = ()) -> Any:
    """Along each dim the last `shift` elements come first; torch's own translation takes numbers alone."""
    if not dims or all(isinstance(shift, int) for shift in shifts):
        return core.aten_roll(value, shifts, dims)
    for shift, dim in zip(shifts, as_list(dims, len(shifts)), strict=True):
        axis = dim % rank(value)
        length = size(value, axis)
        cut = op.Sub(length, op.Mod(scalar(shift), length))
        parts = pieces(value, axis, [cut, constant(0, np.int64)], [length, cut])
        value = told(op.Concat(*parts, axis=axis), value, axis, fixed(value, axis))
    return value


def _repeat_interleave(value: Any, repeats: Any, dim: int | None = None, output_size: Any = None) -> Any:
    """Each element `repeats` times along `dim`; torch's own translation stretches the dim before it by a size."""
    if isinstance(repeats, int):
        return core.aten_repeat_interleave_self_int(value, repeats, dim)
    flat = value if dim is not None else op.Reshape(value, constant([-1], np.int64))
    axis = 0 if dim is None else dim % rank(value)
    before, after = op.Shape(flat, start=0, end=axis), op.Shape(flat, start=axis + 1)
    stretched = op.Concat(before, op.Shape(flat, start=axis, end=axis + 1), vector(repeats), after, axis=0)
    wide = op.Expand(op.Unsqueeze(flat, constant([axis + 1], np.int64)), stretched)
    return op.Reshape(wide, op.Concat(before, constant([-1], np.int64), after, axis=0))
