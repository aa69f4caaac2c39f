"""``[data] transforms`` in ONNX operators: the pixels and numbers that training saw, from the raw sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphspec.diagnostics import Path, fail
from graphspec.exporting.preprocessing.nodes import Nodes
from graphspec.exporting.preprocessing.resize import resize

if TYPE_CHECKING:
    import onnx_ir as ir

#: torchvision's padding mode → ONNX's.
_PAD_MODES = {"constant": "constant", "edge": "edge", "reflect": "reflect"}
#: How much of red, green and blue is in grey (ITU-R BT.601, as torchvision rounds it).
_GREY = (0.2989, 0.587, 0.114)


def center_crop(op: Nodes, image: ir.Value, args: Mapping[str, Any], exact: bool, at: Path) -> ir.Value:
    """``v2.CenterCrop``: images that are too small are padded with zeros first, the odd pixel behind."""
    sizes = pair(args["size"])
    paddings = [_padding(op, op.size(image, axis), size) for axis, size in zip((2, 3), sizes, strict=True)]
    (top, bottom), (left, right) = paddings
    image = op("Pad", image, op.vector(top, left, bottom, right), _zero(exact), np.array([2, 3]))
    return crop(op, image, args, exact, at)


def crop(op: Nodes, image: ir.Value, args: Mapping[str, Any], exact: bool, at: Path) -> ir.Value:
    """``v2.CenterCrop`` of images that are large enough; not every runtime pads by what it learns from the image."""
    for axis, size in zip((2, 3), pair(args["size"]), strict=True):
        spare = op.cast(op("Sub", op.size(image, axis), np.int64(size)), np.float32)
        start = op.cast(op("Round", op("Div", spare, np.float32(2))), np.int64)  # half to even, as Python's
        image = op("Gather", image, op("Add", start, np.arange(size)), axis=axis)
    return image


def _padding(op: Nodes, old: ir.Value, size: int) -> tuple[ir.Value, ir.Value]:
    missing = op("Max", op("Sub", np.int64(size), old), np.int64(0))
    before = op("Div", missing, np.int64(2))
    return before, op("Sub", missing, before)


def grayscale(op: Nodes, image: ir.Value, args: Mapping[str, Any], exact: bool, at: Path) -> ir.Value:
    """``v2.Grayscale`` of RGB images: torch adds each product unrounded (a fused multiply-add), then cuts to uint8."""
    red, green, blue = (op("Slice", image, np.array([k]), np.array([k + 1]), np.array([1])) for k in range(3))
    grey = op("Mul", op.cast(red, np.float32), np.float32(_GREY[0]))
    for colour, share in ((green, _GREY[1]), (blue, _GREY[2])):
        part = op("Mul", op.cast(colour, np.float64), np.float64(np.float32(share)))
        rounded = op.cast(op("Add", op.cast(grey, np.float64), part), np.float32)
        grey = op("Max", rounded, np.float32(0))  # onnxruntime drops a cast between two others, and so the rounding
    grey = op.cast(grey, np.uint8) if exact else grey
    return op("Concat", grey, grey, grey, axis=1) if args.get("num_output_channels", 1) == 3 else grey


def repeat_grey(op: Nodes, image: ir.Value, args: Mapping[str, Any], exact: bool, at: Path) -> ir.Value:
    """``v2.Grayscale`` of images that are grey already."""
    return op("Concat", image, image, image, axis=1) if args.get("num_output_channels", 1) == 3 else image


def pad(op: Nodes, image: ir.Value, args: Mapping[str, Any], exact: bool, at: Path) -> ir.Value:
    """``v2.Pad``; padding is one number, left–right and top–bottom, or left, top, right, bottom."""
    mode, fill = args.get("padding_mode", "constant"), args.get("fill", 0)
    if mode not in _PAD_MODES or not isinstance(fill, int | float):
        message = f'Pad with padding_mode "{mode}" and fill {fill} cannot be written as ONNX'
        known = ", ".join(_PAD_MODES)
        raise fail("not-exportable", message, at=at, hint=f"these modes can: {known}; fill is one number")
    given = args["padding"]
    sides = [given] if isinstance(given, int) else list(given)
    left, top, right, bottom = sides * (4 // len(sides))
    number = np.uint8(fill) if exact else np.float32(fill)
    constant = number if mode == "constant" else None
    amounts = np.array([top, left, bottom, right])
    return op("Pad", image, amounts, constant, np.array([2, 3]), mode=_PAD_MODES[mode])


def normalize(
    op: Nodes, batch: Any, mean: Sequence[float], std: Sequence[float], dims: int, real: type[np.floating[Any]]
) -> ir.Value:
    """``(x - mean) / std`` by channel, of a batch of the dtype `real` with `dims` dimensions."""
    shape = (1, -1, *[1] * (dims - 2))
    mean_, std_ = (np.array(numbers, dtype=real).reshape(shape) for numbers in (mean, std))
    return op("Div", op("Sub", batch, mean_), std_)


def to_float(op: Nodes, batch: Any) -> ir.Value:
    """uint8 images as floats in [0, 1]."""
    return op("Div", op.cast(batch, np.float32), np.float32(255))


#: Transforms of a batch of images, uint8 where `exact`, by the name that a spec gives them.
IMAGE_TRANSFORMS: dict[str, Callable[[Nodes, Any, Mapping[str, Any], bool, Path], Any]] = {
    "Resize": resize,
    "CenterCrop": center_crop,
    "Grayscale": grayscale,
    "Pad": pad,
}


def pair(size: int | Sequence[int]) -> list[int]:
    """Height and width from one number for both, or two."""
    numbers = [size] if isinstance(size, int) else list(size)
    return numbers * (2 // len(numbers))


def _zero(exact: bool) -> np.generic:
    return np.uint8(0) if exact else np.float32(0)
