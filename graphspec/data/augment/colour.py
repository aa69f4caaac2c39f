"""Brightness, contrast, saturation and hue, by factors drawn for every image."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from graphspec.data.augment.base import Augmentation, column, uniform
from graphspec.data.transforms import to_float

Range = tuple[float, float] | None


@dataclasses.dataclass(frozen=True, slots=True)
class ColorJitter:
    """Changes each image by its own factors, in an order of its own. None leaves a property as it is."""

    brightness: Range = None
    contrast: Range = None
    saturation: Range = None
    hue: Range = None

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor:
        count = len(images)
        order = torch.rand(count, 4, generator=draw).argsort(1)
        ranges = (self.brightness, self.contrast, self.saturation, self.hue)
        factors = [None if ends is None else uniform(*ends, count, draw) for ends in ranges]
        return self.apply(to_float(images), order, factors)

    def apply(self, images: Tensor, order: Tensor, factors: list[Tensor | None]) -> Tensor:
        """Four rounds; in each, an image has the property that `order` (``N × 4``) names changed by its factor."""
        images = images.clone()
        for turn in order.unbind(1):
            for kind, change in enumerate((_brightness, _contrast, _saturation, _hue)):
                values = factors[kind]
                index = (turn == kind).nonzero().flatten()
                if values is not None and len(index):
                    rows = index.to(images.device)  # found on the CPU: a device would have to be waited for
                    chosen = images[rows]
                    images[rows] = change(chosen, column(values[index], chosen))
        return images


def _brightness(images: Tensor, factor: Tensor) -> Tensor:
    return images.mul(factor).clamp_(0, 1)


def _contrast(images: Tensor, factor: Tensor) -> Tensor:
    return _blend(images, _grey(images).mean((-3, -2, -1), keepdim=True), factor)


def _saturation(images: Tensor, factor: Tensor) -> Tensor:
    return images if images.shape[1] == 1 else _blend(images, _grey(images), factor)


def _hue(images: Tensor, shift: Tensor) -> Tensor:
    """`shift` is a fraction of the colour circle; images with one channel have no hue."""
    if images.shape[1] == 1:
        return images
    hue, saturation, value = _rgb_to_hsv(images).unbind(1)
    return _hsv_to_rgb(torch.stack(((hue + shift.view(-1, 1, 1)).remainder(1.0), saturation, value), 1))


def _blend(images: Tensor, other: Tensor, ratio: Tensor) -> Tensor:
    return (images * ratio + other * (1 - ratio)).clamp_(0, 1)


def _grey(images: Tensor) -> Tensor:
    """ITU-R 601 luma, ``N × 1 × H × W``."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    return (0.2989 * red).add_(green, alpha=0.587).add_(blue, alpha=0.114).unsqueeze(1)


def _rgb_to_hsv(images: Tensor) -> Tensor:
    """Hue, saturation and value, each in [0, 1] (Smith 1978)."""
    red, green, blue = images.unbind(1)
    value, low = images.amax(1), images.amin(1)
    spread = value - low
    grey = spread == 0
    safe = spread.masked_fill(grey, 1)
    saturation = spread / value.masked_fill(grey, 1)
    to_red, to_green, to_blue = ((value - channel) / safe for channel in (red, green, blue))
    hue = torch.where(
        value == red, to_blue - to_green, torch.where(value == green, 2 + to_red - to_blue, 4 + to_green - to_red)
    )
    return torch.stack(((hue / 6 + 1).remainder(1).masked_fill(grey, 0), saturation.masked_fill(grey, 0), value), 1)


def _hsv_to_rgb(images: Tensor) -> Tensor:
    """The inverse: channel n is v - v s max(0, min(k, 4 - k, 1)) with k = (n + 6h) mod 6 for n = 5, 3, 1."""
    hue, saturation, value = images.unbind(1)
    channels = []
    for n in (5, 3, 1):
        k = (n + 6 * hue).remainder(6)
        channels.append(value - value * saturation * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.stack(channels, 1).clamp_(0, 1)


def color_jitter(theirs: Any) -> Augmentation:
    """`theirs` is v2's ColorJitter, which has checked the ranges."""
    return ColorJitter(theirs.brightness, theirs.contrast, theirs.saturation, theirs.hue)
