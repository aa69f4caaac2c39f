"""Elements moved by a size that is known at run time alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from onnxscript.function_libs.torch_lib.ops import core

from graphspec.exporting.onnx.translations.values import as_list, constant, fixed, op, pieces, rank, scalar, size, told


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    return {torch.ops.aten.roll.default: _roll}


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
