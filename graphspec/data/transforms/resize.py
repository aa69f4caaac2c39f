"""torchvision's Resize in ONNX operators, for sizes known only when an image comes.

torch resizes uint8 images in whole numbers (ATen, UpSampleKernel.cpp; after Pillow): along one axis, an output
pixel is a weighted sum of the input's around it. The weights, those of a triangle or a cubic that is as wide as the
output's pixels are in the input, are computed in double precision, rounded to 16 bit and summed in 32 bit; the row
pass comes first, its result rounded to uint8. The same arithmetic is written here, so that the pixels are the same to
the last bit; ONNX's own Resize, in float32, rounds one pixel in some hundred to a neighbouring level.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphspec.data.transforms.arguments import pair
from graphspec.data.transforms.base import Operand, Operators, Pixels, Refusal, SizeTransform, size_of

#: The filter's diameter in pixels, by interpolation.
DIAMETER = {"bilinear": 2.0, "bicubic": 4.0}
NEAREST = ("nearest", "nearest-exact")
#: torch keeps the weights' fixed-point form below this, with at most this many bits behind the point.
MOST_WEIGHT, MOST_BITS = 1 << 15, 22


class Resize(SizeTransform):
    """``v2.Resize``, antialiased, or nearest."""

    cases = (
        {"size": [13, 17]},
        {"size": [64, 48], "interpolation": "bicubic"},
        {"size": 24},
        {"size": [28, 28]},
        {"size": [24], "max_size": 30},
        {"size": None, "max_size": 40},
        {"size": [9], "interpolation": "nearest"},
        {"size": [19, 33], "interpolation": "nearest-exact"},
    )
    sizes = True

    @property
    def _mode(self) -> str:
        return str(self.args.get("interpolation", "bilinear"))

    def refusal(self) -> Refusal | None:
        mode, known = self._mode, (*DIAMETER, *NEAREST)
        if mode not in known:
            message = f'Resize with interpolation "{mode}" cannot be written as ONNX'
            return Refusal("interpolation", message, f"these can: {', '.join(known)}")
        if mode in DIAMETER and self.args.get("antialias", True) is not True:
            message = "Resize without antialias cannot be written as ONNX to the same pixels"
            return Refusal("antialias", message, "antialias is on when it is left out")
        return None

    def nodes(self, op: Operators, images: Operand, pixels: Pixels) -> Operand:
        """As torchvision does, in float32 where torch has no kernel for whole numbers."""
        mode, exact = self._mode, pixels.dtype == np.uint8
        height, width = _sizes(op, size_of(op, images, 2), size_of(op, images, 3), self.args)
        found = op.cast(images, np.float32) if pixels.whole and not exact else images
        for axis, size in ((3, width), (2, height)):
            if mode in NEAREST:
                found = _nearest(op, found, axis, size, centred=mode == "nearest-exact")
            else:
                found = _filtered(op, found, axis, size, mode, pixels.dtype)
        return op.cast(op("Round", found), pixels.dtype) if pixels.whole and not exact else found

    def after(self, pixels: Pixels) -> Pixels:
        size = self.args.get("size")
        least = (1, 1) if size is None or self.args.get("max_size") is not None else pair(size)
        return dataclasses.replace(pixels, least=least)


def _sizes(op: Operators, height: Operand, width: Operand, args: Mapping[str, Any]) -> tuple[Any, Any]:
    """The output's height and width, as torchvision computes them: one number is the shorter side's."""
    size: Any = args.get("size")
    most: Any = args.get("max_size")
    numbers = [size] if isinstance(size, int) else size
    if isinstance(numbers, Sequence) and len(numbers) == 2:
        return np.int64(numbers[0]), np.int64(numbers[1])
    short, long = op("Min", height, width), op("Max", height, width)
    new_short: Any
    new_long: Any
    if numbers is None:
        new_short, new_long = _share(op, np.int64(most), short, long), np.int64(most)
    else:
        new_short = np.int64(numbers[0])
        new_long = _share(op, new_short, long, short)
        if most is not None:
            bounded = _share(op, np.int64(most), new_short, new_long)
            too_long = op("Greater", new_long, np.int64(most))
            new_short, new_long = op("Where", too_long, bounded, new_short), op("Min", new_long, np.int64(most))
    upright = op("LessOrEqual", width, height)
    return op("Where", upright, new_long, new_short), op("Where", upright, new_short, new_long)


def _share(op: Operators, whole: Any, part: Any, of: Any) -> Operand:
    """``int(whole * part / of)`` of positive int64 scalars, as Python computes it."""
    product = op.cast(op("Mul", whole, part), np.float64)
    return op.cast(op("Floor", op("Div", product, op.cast(of, np.float64))), np.int64)


def _nearest(op: Operators, image: Operand, axis: int, size: Any, centred: bool) -> Operand:
    """The pixel at ``floor(k * scale)``, or at ``floor((k + 0.5) * scale)``, in float32 as torch computes it."""
    old = size_of(op, image, axis)
    scale = op("Div", op.cast(old, np.float32), op.cast(size, np.float32))
    place = op.cast(op("Range", np.int64(0), size, np.int64(1)), np.float32)
    if centred:
        place = op("Add", place, np.float32(0.5))
    index = op.cast(op("Floor", op("Mul", place, scale)), np.int64)
    return op("Gather", image, op("Min", index, op("Sub", old, np.int64(1))), axis=axis)


def _filtered(op: Operators, image: Operand, axis: int, size: Any, mode: str, dtype: np.dtype[Any]) -> Operand:
    """One pass of the separable filter along `axis`; pixels around each output pixel stand along ``axis + 1``."""
    real = np.float64 if dtype in (np.uint8, np.float64) else np.float32
    index, weights = _weights(op, size_of(op, image, axis), size, mode, real)
    near = op("Gather", image, index, axis=axis)
    if dtype != np.uint8:
        return _sum_of_taps(op, near, weights, axis)
    whole, one = _fixed_point(op, weights)
    total = _sum_of_taps(op, op.cast(near, np.int32), whole, axis)
    rounded = op("Add", total, op("Div", one, np.int32(2)))
    level = op("Div", op("Max", rounded, np.int32(0)), one)
    return op.cast(op("Min", level, np.int32(255)), np.uint8)


def _sum_of_taps(op: Operators, near: Operand, weights: Operand, axis: int) -> Operand:
    if axis == 2:
        weights = op("Unsqueeze", weights, np.array([2]))  # the columns stand behind the taps
    return op("ReduceSum", op("Mul", near, weights), np.array([axis + 1]), keepdims=0)


def _weights(op: Operators, old: Operand, size: Any, mode: str, real: type[Any]) -> tuple[Operand, Operand]:
    """Which input pixels an output pixel sees and how much of each: output × taps, int64 and `real`.

    Output pixel k has its centre at c = (k + 1/2) · scale and sees the pixels from ⌊c − support + 1/2⌋ to
    ⌊c + support + 1/2⌋, cut off at the borders; its weights sum to 1.
    """
    scale = op("Div", op.cast(old, real), op.cast(size, real))
    widened = op("Max", scale, real(1))
    support = op("Mul", widened, real(DIAMETER[mode] / 2))
    taps = op("Add", op("Mul", op.cast(op("Ceil", support), np.int64), np.int64(2)), np.int64(1))
    place = op("Add", op.cast(op("Range", np.int64(0), size, np.int64(1)), real), real(0.5))
    centre = op("Unsqueeze", op("Mul", place, scale), np.array([1]))
    first = op("Max", op("Floor", op("Add", op("Sub", centre, support), real(0.5))), real(0))
    last = op("Min", op("Floor", op("Add", op("Add", centre, support), real(0.5))), op.cast(old, real))
    tap = op.cast(op("Range", np.int64(0), taps, np.int64(1)), real)
    pixel = op("Add", tap, first)
    distance = op("Abs", op("Div", op("Add", op("Sub", pixel, centre), real(0.5)), widened))
    seen = op("Where", op("Less", pixel, last), _FILTERS[mode](op, distance, real), real(0))
    weights = op("Div", seen, op("ReduceSum", seen, np.array([1]), keepdims=1))
    index = op("Min", op.cast(pixel, np.int64), op("Sub", old, np.int64(1)))
    return index, weights


def _triangle(op: Operators, distance: Operand, real: type[Any]) -> Operand:
    return op("Max", op("Sub", real(1), distance), real(0))


def _cubic(op: Operators, distance: Operand, real: type[Any]) -> Operand:
    """Keys' cubic convolution with a = −1/2, as Pillow and torch's antialiased bicubic use it."""
    a = real(-0.5)
    square = op("Mul", distance, distance)
    inner = op("Add", op("Mul", op("Sub", op("Mul", distance, a + 2), a + 3), square), real(1))
    outer = op("Add", op("Mul", op("Sub", distance, real(5)), distance), real(8))
    outer = op("Mul", op("Sub", op("Mul", outer, distance), real(4)), a)
    outer = op("Where", op("Less", distance, real(2)), outer, real(0))
    return op("Where", op("Less", distance, real(1)), inner, outer)


_FILTERS = {"bilinear": _triangle, "bicubic": _cubic}


def _fixed_point(op: Operators, weights: Operand) -> tuple[Operand, Operand]:
    """The weights in whole numbers, and what 1 is among them: the most bits that keep the greatest in 16."""
    powers = np.float64(2) ** np.arange(1, MOST_BITS + 1)
    scaled = op("Floor", op("Add", op("Mul", op("ReduceMax", weights, keepdims=0), powers), np.float64(0.5)))
    fits = op.cast(op("Less", scaled, np.float64(MOST_WEIGHT)), np.int64)
    bits = op("ReduceSum", fits, keepdims=0)
    one = op("Gather", np.float64(2) ** np.arange(MOST_BITS + 1), bits)
    away = op("Where", op("Less", weights, np.float64(0)), -np.float64(0.5), np.float64(0.5))
    return op.cast(op("Add", op("Mul", weights, one), away), np.int32), op.cast(one, np.int32)
