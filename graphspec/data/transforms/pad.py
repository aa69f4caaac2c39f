"""``Pad``: a border of one number, or of the image's own pixels."""

from __future__ import annotations

import dataclasses

import numpy as np

from graphspec.data.transforms.base import Operand, Operators, Pixels, Refusal, SizeTransform, constant, size_of


class Pad(SizeTransform):
    """``v2.Pad``; padding is one number, left–right and top–bottom, or left, top, right, bottom."""

    cases = (
        {"padding": 3},
        {"padding": [1, 2], "fill": 7},
        {"padding": -2},
        {"padding": [1, 2, 3, 4], "padding_mode": "edge"},
        {"padding": [1, 2, 3, 4], "padding_mode": "reflect"},
        {"padding": [1, 2, 3, 4], "padding_mode": "symmetric"},
    )
    sizes = True

    def nodes(self, op: Operators, images: Operand, pixels: Pixels) -> Operand:
        mode, fill = self.args.get("padding_mode", "constant"), self.args.get("fill", 0)
        if mode == "symmetric":
            return self._mirrored(op, images)
        if mode != "constant":
            lossy = pixels.whole and pixels.dtype != np.uint8  # torch pads whole numbers so in float32
            border = op.cast(images, np.float32) if lossy else images
            found = op("Pad", border, self._amounts, None, np.array([2, 3]), mode=mode)
            return op.cast(found, pixels.dtype) if lossy else found
        return op("Pad", images, self._amounts, constant(fill, pixels.dtype), np.array([2, 3]), mode=mode)

    def refusal(self) -> Refusal | None:
        mode = self.args.get("padding_mode", "constant")
        if mode == "constant" or min(self._sides) >= 0:
            return None
        message = f'Pad with a negative padding and padding_mode "{mode}" cannot be written as ONNX'
        return Refusal("padding", message, "CenterCrop cuts")

    def after(self, pixels: Pixels) -> Pixels:
        left, top, right, bottom = self._sides
        height, width = pixels.least
        return dataclasses.replace(pixels, least=(height + top + bottom, width + left + right))

    @property
    def _sides(self) -> list[int]:
        given = self.args["padding"]
        sides = [given] if isinstance(given, int) else list(given)
        return sides * (4 // len(sides))

    @property
    def _amounts(self) -> np.ndarray:
        left, top, right, bottom = self._sides
        return np.array([top, left, bottom, right])

    def _mirrored(self, op: Operators, images: Operand) -> Operand:
        """The outermost pixels twice, unlike "reflect"; ONNX has no mode for it, and its indices count from the end."""
        left, top, right, bottom = self._sides
        for axis, before, behind in ((2, top, bottom), (3, left, right)):
            within = op("Range", np.int64(0), size_of(op, images, axis), np.int64(1))
            first, last = np.arange(before)[::-1].astype(np.int64), -np.arange(1, behind + 1)
            images = op("Gather", images, op("Concat", first, within, last, axis=0), axis=axis)
        return images
