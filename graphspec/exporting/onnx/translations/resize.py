"""Interpolation as torch computes it: which pixel an output pixel looks at is decided in torch's own arithmetic.

ONNX's Resize takes the size from the factor rounded to float32 (5 × 1.8 gives 8), and knows nothing of torch's rule
that a dim whose size stays is copied and one that doubles takes each pixel twice. It is used where both agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
import torch

from graphspec.exporting.onnx.translations.values import (
    constant,
    fixed,
    op,
    positions,
    rank,
    scalar,
    size,
    told,
    vector,
)

#: Output positions over which a whole factor is checked to give the same pixels in ONNX as in torch.
LOOKED_AT = 4096


def translations() -> dict[Any, Callable[..., Any]]:
    """torch operator → the function that writes it."""
    aten, linear = torch.ops.aten, _interpolating("linear", _linear_along)
    return {
        aten.upsample_nearest1d.vec: _nearest,
        aten.upsample_nearest2d.vec: _nearest,
        aten.upsample_nearest3d.vec: _nearest,
        aten._upsample_nearest_exact1d.vec: _nearest_exact,
        aten._upsample_nearest_exact2d.vec: _nearest_exact,
        aten._upsample_nearest_exact3d.vec: _nearest_exact,
        aten.upsample_linear1d.vec: linear,
        aten.upsample_bilinear2d.vec: linear,
        aten.upsample_trilinear3d.vec: linear,
        aten.upsample_bicubic2d.vec: _interpolating("cubic", _cubic_along),
    }


def _nearest(value: Any, output_size: Sequence[Any] | None, scale_factors: Sequence[float] | None) -> Any:
    if scale_factors is not None and all(map(_whole, scale_factors)):
        scales = constant([1, 1, *scale_factors], np.float32)
        return op.Resize(
            value, None, scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
    return _by_pixels(value, output_size, scale_factors, exact=False)


def _nearest_exact(value: Any, output_size: Sequence[Any] | None, scale_factors: Sequence[float] | None) -> Any:
    return _by_pixels(value, output_size, scale_factors, exact=True)


def _whole(factor: float) -> bool:
    """Whether a whole number of pixels comes of each, in torch's float32 arithmetic too."""
    if factor != int(factor) or factor < 1:
        return False
    place = np.arange(LOOKED_AT)
    return bool((np.floor(place.astype(np.float32) * np.float32(1 / factor)) == place // int(factor)).all())


def _by_pixels(
    value: Any, output_size: Sequence[Any] | None, scale_factors: Sequence[float] | None, exact: bool
) -> Any:
    """One lookup an axis: the pixel at ⌊k · scale⌋, or at ⌊(k + 1/2) · scale⌋ where `exact`, scale in float32."""
    flat = rank(value) == 4
    for axis in range(2, rank(value)):
        factor, old, new = _of(scale_factors, axis), fixed(value, axis), _of(output_size, axis)
        if old is not None and (factor is not None or isinstance(new, int)):
            pixels = _torch_s_pixels(old, new, factor, exact, flat)
            index, length = constant(pixels, np.int64), len(pixels)
        else:
            sizes = size(value, axis), _new_size(value, axis, new, factor)
            index, length = _pixels(*sizes, factor, exact, flat), None
        value = told(op.Gather(value, index, axis=axis), value, axis, length)
    return value


def _torch_s_pixels(old: int, new: int | None, factor: float | None, exact: bool, flat: bool) -> Any:
    """The pixels that torch itself takes of a row of `old`, in a picture where `flat`."""
    mode, row = "nearest-exact" if exact else "nearest", torch.arange(old, dtype=torch.float32)[None, None]
    if not flat:
        found = torch.nn.functional.interpolate(row, size=new, scale_factor=factor, mode=mode)
    else:
        sizes = {"size": (new, 1)} if new is not None else {"scale_factor": (factor, 1.0)}
        found = torch.nn.functional.interpolate(row[..., None], mode=mode, **sizes)
    return found.flatten().to(torch.int64).numpy()


def _pixels(old: Any, new: Any, factor: float | None, exact: bool, flat: bool) -> Any:
    """The same for sizes known only when the file runs: of a picture alone, a dim that stays is copied, and one that
    doubles takes each pixel twice (UpSample.h, nearest_idx)."""
    scale = constant(np.float32(1 / factor), np.float32) if factor else op.Div(_real(old), _real(new))
    place = positions(new)
    real = op.Add(_real(place), constant(0.5, np.float32)) if exact else _real(place)
    index = op.Cast(op.Floor(op.Mul(real, scale)), to=ir.DataType.INT64)
    index = op.Min(index, op.Sub(old, constant(1, np.int64)))
    if exact or not flat:
        return index
    twice = op.Equal(new, op.Mul(old, constant(2, np.int64)))
    index = op.Where(twice, op.Div(place, constant(2, np.int64)), index)
    return op.Where(op.Equal(new, old), place, index)


def _interpolating(mode: str, along: Callable[[Any, int, float], Any]) -> Callable[..., Any]:
    """ONNX's Resize where it agrees with torch, else `along` for one axis after the other."""

    def interpolate(
        value: Any, output_size: Sequence[Any] | None, align_corners: bool, scale_factors: Sequence[float] | None
    ) -> Any:
        if scale_factors is None or align_corners:
            axes = range(2, rank(value))
            sizes = [_new_size(value, axis, _of(output_size, axis), _of(scale_factors, axis)) for axis in axes]
            return _resized(value, mode, align_corners, sizes=sizes)
        if all(factor == int(factor) and factor >= 1 for factor in scale_factors):
            return _resized(value, mode, align_corners, scales=scale_factors)
        for axis, factor in enumerate(scale_factors, 2):
            value = along(value, axis, factor)
        return value

    return interpolate


def _linear_along(value: Any, axis: int, factor: float) -> Any:
    """x[⌊p⌋] (1 − λ) + x[⌊p⌋ + 1] λ with p = max((k + 1/2) / factor − 1/2, 0), and the axis itself where it stays."""
    kind = np.float64 if value.dtype == ir.DataType.DOUBLE else np.float32
    old, new = size(value, axis), _new_size(value, axis, None, factor)
    half, zero = constant(0.5, kind), constant(0, kind)
    place = positions(new)
    real = op.Sub(op.Mul(op.Add(_real(place, kind), half), constant(1 / factor, kind)), half)
    real = op.Where(op.Equal(new, old), _real(place, kind), op.Max(real, zero))
    last = op.Sub(old, constant(1, np.int64))
    before = op.Min(op.Cast(op.Floor(real), to=ir.DataType.INT64), last)
    after = op.Min(op.Add(before, constant(1, np.int64)), last)
    share = op.Min(op.Max(op.Sub(real, _real(before, kind)), zero), constant(1, kind))
    if axis < rank(value) - 1:
        share = op.Unsqueeze(share, constant(list(range(1, rank(value) - axis)), np.int64))
    share = op.CastLike(share, value)
    length = fixed(value, axis)
    one = op.CastLike(constant(1, np.float32), value)
    kept = op.Mul(op.Gather(value, before, axis=axis), op.Sub(one, share))
    mixed = op.Add(kept, op.Mul(op.Gather(value, after, axis=axis), share))
    return told(mixed, value, axis, None if length is None else int(length * factor))


def _cubic_along(value: Any, axis: int, factor: float) -> Any:
    """Keys' convolution with a = −3/4 of the four pixels around p = (k + 1/2) / factor − 1/2.

    onnxruntime copies a picture whose sizes stay, whatever the factor; torch samples it.
    """
    kind = np.float64 if value.dtype == ir.DataType.DOUBLE else np.float32
    old, new = size(value, axis), _new_size(value, axis, None, factor)
    half, zero = constant(0.5, kind), constant(0, np.int64)
    real = op.Sub(op.Mul(op.Add(_real(positions(new), kind), half), constant(1 / factor, kind)), half)
    floor, last = op.Floor(real), op.Sub(old, constant(1, np.int64))
    share, whole = op.Sub(real, floor), op.Cast(floor, to=ir.DataType.INT64)
    total = None
    for step in (-1, 0, 1, 2):
        pixel = op.Min(op.Max(op.Add(whole, constant(step, np.int64)), zero), last)
        weight = _keys(op.Abs(op.Sub(share, constant(step, kind))), near=step in (0, 1), kind=kind)
        if axis < rank(value) - 1:
            weight = op.Unsqueeze(weight, constant(list(range(1, rank(value) - axis)), np.int64))
        part = op.Mul(op.Gather(value, pixel, axis=axis), op.CastLike(weight, value))
        total = part if total is None else op.Add(total, part)
    length = fixed(value, axis)
    return told(total, value, axis, None if length is None else int(length * factor))


def _keys(x: Any, near: bool, kind: Any) -> Any:
    """((a + 2) x − (a + 3)) x² + 1 where x is at most 1 (`near`), else ((x − 5) x + 8) a x − 4 a."""
    a = -0.75
    if near:
        inner = op.Sub(op.Mul(x, constant(a + 2, kind)), constant(a + 3, kind))
        return op.Add(op.Mul(inner, op.Mul(x, x)), constant(1, kind))
    outer = op.Add(op.Mul(op.Sub(x, constant(5, kind)), x), constant(8, kind))
    return op.Mul(op.Sub(op.Mul(outer, x), constant(4, kind)), constant(a, kind))


def _resized(value: Any, mode: str, align_corners: bool, sizes: Sequence[Any] = (), scales: Any = None) -> Any:
    transform = "align_corners" if align_corners else "half_pixel"
    attributes = {"mode": mode, "coordinate_transformation_mode": transform, "cubic_coeff_a": -0.75}
    if sizes:
        shape = op.Concat(op.Shape(value, start=0, end=2), *map(vector, sizes), axis=0)
        return op.Resize(value, None, None, shape, **attributes)
    if isinstance(scales, Sequence):
        scales = constant([1, 1, *scales], np.float32)
    return op.Resize(value, None, scales, **attributes)


def _of(numbers: Sequence[Any] | None, axis: int) -> Any:
    """The one of an axis, where there are any."""
    return None if numbers is None else numbers[axis - 2]


def _new_size(value: Any, axis: int, new: Any, factor: float | None) -> Any:
    """The size asked for, or ⌊size × factor⌋ in float64, as Python computes it; an int64 scalar."""
    if new is not None:
        return scalar(new)
    assert factor is not None
    old = fixed(value, axis)
    if old is not None:
        return constant(int(old * factor), np.int64)
    product = op.Mul(_real(size(value, axis), np.float64), constant(factor, np.float64))
    return op.Cast(op.Floor(product), to=ir.DataType.INT64)


def _real(value: Any, kind: Any = np.float32) -> Any:
    return op.Cast(value, to=ir.DataType.from_numpy(np.dtype(kind)))
