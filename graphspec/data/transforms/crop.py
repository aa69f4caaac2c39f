"""``CenterCrop``: the middle of an image, with zeros around one that is too small."""

from __future__ import annotations

import dataclasses

import numpy as np

from graphspec.data.transforms.arguments import pair
from graphspec.data.transforms.base import Operand, Operators, Pixels, SizeTransform, constant, size_of, vector


class CenterCrop(SizeTransform):
    """``v2.CenterCrop``: images that are too small are padded with zeros first, the odd pixel behind."""

    cases = ({"size": 20}, {"size": [5, 131]}, {"size": [1, 1]}, {"size": [28]})
    sizes = True

    def nodes(self, op: Operators, images: Operand, pixels: Pixels) -> Operand:
        """Padding is left out where `pixels` make it needless: not every runtime pads by what it learns from images."""
        sizes = pair(self.args["size"])
        if any(least < size for least, size in zip(pixels.least, sizes, strict=True)):
            paddings = (_padding(op, size_of(op, images, axis), size) for axis, size in zip((2, 3), sizes, strict=True))
            (top, bottom), (left, right) = paddings
            amounts = vector(op, top, left, bottom, right)
            images = op("Pad", images, amounts, constant(0, pixels.dtype), np.array([2, 3]))
        for axis, size in zip((2, 3), sizes, strict=True):
            spare = op.cast(op("Sub", size_of(op, images, axis), np.int64(size)), np.float32)
            start = op.cast(op("Round", op("Div", spare, np.float32(2))), np.int64)  # half to even, as Python's
            images = op("Gather", images, op("Add", start, np.arange(size)), axis=axis)
        return images

    def after(self, pixels: Pixels) -> Pixels:
        return dataclasses.replace(pixels, least=pair(self.args["size"]))


def _padding(op: Operators, old: Operand, size: int) -> tuple[Operand, Operand]:
    missing = op("Max", op("Sub", np.int64(size), old), np.int64(0))
    before = op("Div", missing, np.int64(2))
    return before, op("Sub", missing, before)
