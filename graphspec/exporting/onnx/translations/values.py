"""Small steps that several translations take: sizes, ranges, constants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript import opset18

op: Any = opset18


def constant(value: Any, dtype: Any) -> Any:
    """A constant of numpy's `dtype`."""
    return op.Constant(value=ir.tensor(np.asarray(value, dtype=dtype)))


def rank(value: Any) -> int:
    """The number of dims."""
    return len(value.shape)


def fixed(value: Any, axis: int) -> int | None:
    """The size along `axis`, None where it is open."""
    size = value.shape[axis]
    return size if isinstance(size, int) else None


def cast(value: Any, dtype: int | None) -> Any:
    """`value` in ONNX's `dtype`, as it is where that is -1 or None."""
    if dtype in (-1, None):
        return value
    result = op.Cast(value, to=dtype)
    result.shape, result.type = value.shape, ir.TensorType(ir.DataType(dtype))
    return result


def told(result: Any, like: Any, axis: int, length: int | None) -> Any:
    """`result`, told that it is as `like` but for its size along `axis`: nothing infers the shapes of new nodes."""
    dims: list[Any] = list(like.shape)
    dims[axis] = length
    result.shape, result.type = ir.Shape(dims), like.type
    return result


def size(value: Any, axis: int) -> Any:
    """The size along `axis` (counted from 0) as an int64 scalar, a constant where it is fixed."""
    known = fixed(value, axis)
    return constant(known, np.int64) if known is not None else op.Squeeze(op.Shape(value, start=axis, end=axis + 1))


def without(value: Any, axis: int) -> Any:
    """The sizes but for that along `axis`."""
    return op.Gather(op.Shape(value), constant([k for k in range(rank(value)) if k != axis], np.int64))


def positions(count: Any) -> Any:
    """0, 1, … below the int64 scalar `count`."""
    return op.Range(constant(0, np.int64), count, constant(1, np.int64))


def scalar(count: Any) -> Any:
    """A number, or an int64 value of one element, as an int64 scalar."""
    return constant(count, np.int64) if isinstance(count, int) else op.Reshape(count, constant([], np.int64))


def vector(count: Any) -> Any:
    """The same as a vector of one element."""
    return constant([count], np.int64) if isinstance(count, int) else op.Reshape(count, constant([1], np.int64))


def pieces(value: Any, axis: int, starts: Sequence[Any], ends: Sequence[Any]) -> list[Any]:
    """`value` from each start to its end along `axis`."""
    at = constant([axis], np.int64)
    return [op.Slice(value, vector(start), vector(end), at) for start, end in zip(starts, ends, strict=True)]


def as_list(numbers: Any, count: int) -> list[int]:
    """torch's shorthand for an argument of `count` numbers: one for all, or each."""
    found = [numbers] if isinstance(numbers, int) else list(numbers)
    return found * count if len(found) == 1 else found


def lowest(dtype: Any) -> float:
    """The least finite number of an ONNX `dtype`."""
    return {ir.DataType.FLOAT16: -65504.0, ir.DataType.DOUBLE: -math.ldexp(2 - 2**-52, 1023)}.get(
        dtype, -math.ldexp(2 - 2**-23, 127)
    )
