"""``Grayscale`` and ``RGB``: what changes the channels of images."""

from __future__ import annotations

import dataclasses

import numpy as np

from graphspec.data.transforms.base import Operand, Operators, Pixels, SizeTransform

#: How much of red, green and blue is in grey (ITU-R BT.601, as torchvision rounds it).
_SHARES = (0.2989, 0.587, 0.114)


class Grayscale(SizeTransform):
    """``v2.Grayscale`` of images of one or three channels."""

    cases = ({}, {"num_output_channels": 3}, {"num_output_channels": 1})
    colours = True

    def nodes(self, op: Operators, images: Operand, pixels: Pixels) -> Operand:
        """torch adds each product unrounded (a fused multiply-add), then cuts to a whole number."""
        grey = images if pixels.channels == 1 else _grey(op, images, pixels)
        return op("Concat", grey, grey, grey, axis=1) if self._channels == 3 else grey

    @property
    def _channels(self) -> int:
        return int(self.args.get("num_output_channels", 1))

    def after(self, pixels: Pixels) -> Pixels:
        return dataclasses.replace(pixels, channels=self._channels)


class RGB(SizeTransform):
    """``v2.RGB``: grey images with three equal channels; those of three are left as they are."""

    cases = ({},)
    colours = True

    def nodes(self, op: Operators, images: Operand, pixels: Pixels) -> Operand:
        return op("Concat", images, images, images, axis=1) if pixels.channels == 1 else images

    def after(self, pixels: Pixels) -> Pixels:
        return dataclasses.replace(pixels, channels=3)


def _grey(op: Operators, images: Operand, pixels: Pixels) -> Operand:
    real = np.float64 if pixels.dtype == np.float64 else np.float32
    red, green, blue = (op("Slice", images, np.array([k]), np.array([k + 1]), np.array([1])) for k in range(3))
    grey = op("Mul", op.cast(red, real), real(_SHARES[0]))
    for colour, share in ((green, _SHARES[1]), (blue, _SHARES[2])):
        part = op("Mul", op.cast(op.cast(colour, real), np.float64), np.float64(real(share)))
        grey = op.cast(op("Add", op.cast(grey, np.float64), part), real)
        # onnxruntime drops a cast between two others, and so the rounding
        grey = op("Max", grey, np.finfo(real).min)
    return op.cast(grey, pixels.dtype) if pixels.whole else grey
