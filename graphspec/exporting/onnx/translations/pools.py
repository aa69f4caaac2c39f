"""Pools that torch's own exporter has wrong or lacks: adaptive ones, a divisor of one's own; and its ``conv3d``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from graphspec.exporting.onnx.translations.values import (
    as_list,
    constant,
    fixed,
    op,
    pieces,
    positions,
    rank,
    scalar,
    size,
    told,
    vector,
)

#: Of more windows along an axis than this, a mean is written as a product with a matrix.
MOST_WINDOWS = 16


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    aten = torch.ops.aten
    return {
        aten._adaptive_avg_pool2d.default: _adaptive_mean,
        aten._adaptive_avg_pool3d.default: _adaptive_mean,
        aten.adaptive_max_pool2d.default: _adaptive_maximum,
        aten.adaptive_max_pool3d.default: _adaptive_maximum,
        aten.avg_pool2d.default: _mean_of(2),
        aten.avg_pool3d.default: _mean_of(3),
        aten.conv3d.default: _conv3d,
    }


def _torch_s(name: str) -> Callable[..., Any]:
    """torch's own translation."""
    from onnxscript.function_libs.torch_lib.ops import core, nn

    return getattr(nn, name, None) or getattr(core, name)


def _windows(value: Any, axis: int, count: int) -> tuple[list[Any], list[Any]]:
    """Where each of `count` windows starts and ends: ⌊i L / count⌋ and ⌈(i + 1) L / count⌉ of the axis' L elements."""
    length = fixed(value, axis)
    if length is not None:
        starts: list[Any] = [i * length // count for i in range(count)]
        return starts, [-(-(i + 1) * length // count) for i in range(count)]
    whole, of = size(value, axis), constant(count, np.int64)
    starts = [op.Div(op.Mul(whole, constant(i, np.int64)), of) for i in range(count)]
    raised = [op.Add(op.Mul(whole, constant(i + 1, np.int64)), constant(count - 1, np.int64)) for i in range(count)]
    return starts, [op.Div(value, of) for value in raised]


def _adaptive_mean(value: Any, output_size: Sequence[Any]) -> Any:
    """A window's mean is the mean along one axis of the means along the others: its rows have as many elements each."""
    first = rank(value) - len(output_size)
    lengths = [fixed(value, first + k) for k in range(len(output_size))]
    even = [
        length // count if length is not None and isinstance(count, int) and length % count == 0 else 0
        for length, count in zip(lengths, output_size, strict=True)
    ]
    if all(even) and first == 2:
        return op.AveragePool(value, kernel_shape=even, strides=even)
    for axis, count in enumerate(output_size, first):
        if isinstance(count, int) and count == fixed(value, axis):
            continue
        if isinstance(count, int) and count <= MOST_WINDOWS:
            at, parts = constant([axis], np.int64), pieces(value, axis, *_windows(value, axis, count))
            means = [op.ReduceMean(part, at, keepdims=1) for part in parts]
            mean = op.Concat(*means, axis=axis) if count > 1 else means[0]
        else:
            mean = _matrix_mean(value, axis, count)
        value = told(mean, value, axis, count if isinstance(count, int) else None)
    return value


def _matrix_mean(value: Any, axis: int, count: Any) -> Any:
    """The same along `axis` by a matrix, output × input, for many windows or a number of them that is open."""
    length = size(value, axis)
    of = scalar(count)
    rows, columns = (op.Unsqueeze(positions(n), constant([k], np.int64)) for k, n in ((1, of), (0, length)))
    start = op.Div(op.Mul(rows, length), of)
    one = constant(1, np.int64)
    end = op.Div(op.Sub(op.Add(op.Mul(op.Add(rows, one), length), of), one), of)
    inside = op.And(op.GreaterOrEqual(columns, start), op.Less(columns, end))
    share = op.Div(op.CastLike(inside, value), op.CastLike(op.Sub(end, start), value))
    order = list(range(rank(value)))
    order[axis], order[-1] = order[-1], order[axis]
    product = op.MatMul(op.Transpose(value, perm=order), op.Transpose(share, perm=[1, 0]))
    return op.Transpose(product, perm=order)


def _adaptive_maximum(value: Any, output_size: Sequence[int]) -> tuple[Any, Any]:
    """The greatest of each window, and where it stands among the input's elements, counted through the pooled dims.

    Along the last axis first, then along the one before: of several greatest that is the first, as in torch.
    """
    first = rank(value) - len(output_size)
    sizes = [size(value, first + k) for k in range(len(output_size))]
    index, stride = None, None
    for axis in reversed(range(first, rank(value))):
        at = constant([axis], np.int64)
        starts, ends = _windows(value, axis, output_size[axis - first])
        parts = pieces(value, axis, starts, ends)
        places = [op.ArgMax(part, axis=axis, keepdims=1) for part in parts]
        found = [op.Add(place, vector(start)) for place, start in zip(places, starts, strict=True)]
        if index is not None:
            inner = [
                op.GatherElements(piece, place, axis=axis)
                for piece, place in zip(pieces(index, axis, starts, ends), places, strict=True)
            ]
            found = [op.Add(op.Mul(outer, stride), part) for outer, part in zip(found, inner, strict=True)]
        greatest = [op.ReduceMax(part, at, keepdims=1) for part in parts]
        joined, index = (op.Concat(*each, axis=axis) if len(each) > 1 else each[0] for each in (greatest, found))
        value = told(joined, value, axis, output_size[axis - first])
        stride = sizes[axis - first] if stride is None else op.Mul(stride, sizes[axis - first])
    return value, index


def _mean_of(dims: int) -> Callable[..., Any]:
    def mean(
        value: Any, kernel_size: Any, stride: Any = (), padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> Any:  # fmt: skip
        if divisor_override is None:
            torch_s = _torch_s(f"aten_avg_pool{dims}d")
            return torch_s(value, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
        return _sum_over(value, kernel_size, stride or kernel_size, padding, ceil_mode, divisor_override, dims)

    return mean


def _sum_over(value: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, divisor: int, dims: int) -> Any:
    """The window's sum over `divisor`: the mean over a window padded with zeros, times its size.

    Where sizes are rounded up, padding by one less than the stride behind does that; a last window that would begin
    in the padding behind is cut off, as in torch.
    """
    kernel, stride, padding = (as_list(numbers, dims) for numbers in (kernel, stride, padding))
    behind = [p + (s - 1 if ceil_mode else 0) for p, s in zip(padding, stride, strict=True)]
    axes = list(range(rank(value) - dims, rank(value)))
    amounts, at = constant([*padding, *behind], np.int64), constant(axes, np.int64)
    sizes = [size(value, axis) for axis in axes]
    padded = op.Pad(value, amounts, op.CastLike(constant(0, np.float32), value), at)
    mean = op.AveragePool(padded, kernel_shape=kernel, strides=stride)
    scale = float(np.prod(kernel)) / divisor
    total = op.Mul(mean, op.CastLike(constant(scale, np.float64), value))
    if not ceil_mode:
        return total
    for axis, length, s, p in zip(axes, sizes, stride, padding, strict=True):
        begun = op.Add(length, constant(p + s - 1, np.int64))
        most = op.Div(begun, constant(s, np.int64))
        total = op.Slice(total, constant([0], np.int64), vector(most), constant([axis], np.int64))
    return total


def _conv3d(
    value: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """torch's own translation gives a convolution without a bias one of the wrong shape."""
    inputs = [value, weight] if bias is None else [value, weight, bias]
    pads = as_list(padding, 3) * 2
    return op.Conv(*inputs, strides=as_list(stride, 3), pads=pads, dilations=as_list(dilation, 3), group=groups)
