"""Noise, blur and erased rectangles, drawn for every image."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from graphspec.data.augment.base import Augmentation, probability, uniform
from graphspec.data.transforms import to_float


@dataclasses.dataclass(frozen=True, slots=True)
class GaussianNoise:
    """Adds normal noise of `mean` and `sigma`; `clip` keeps the values in [0, 1]."""

    mean: float = 0.0
    sigma: float = 0.1
    clip: bool = True

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor:
        return self.apply(to_float(images), torch.randn(images.shape, generator=draw))

    def apply(self, images: Tensor, normal: Tensor) -> Tensor:
        """`normal` is standard normal, of the images' shape."""
        noisy = images + (self.mean + normal.to(images.device) * self.sigma)
        return noisy.clamp_(0, 1) if self.clip else noisy


@dataclasses.dataclass(frozen=True, slots=True)
class GaussianBlur:
    """Blurs each image with a Gaussian of `kernel_size` (height, width, odd) and a sigma of its own."""

    kernel_size: tuple[int, int]
    sigma: tuple[float, float]

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor:
        return self.apply(to_float(images), uniform(*self.sigma, len(images), draw))

    def apply(self, images: Tensor, sigma: Tensor) -> Tensor:
        """`images` blurred by `sigma` (pixels, one an image), mirrored at the edges."""
        count, channels, height, width = images.shape
        down, across = (_gaussian(size, sigma.to(images.device)) for size in self.kernel_size)
        kernel = (down.unsqueeze(2) * across.unsqueeze(1)).repeat_interleave(channels, 0).unsqueeze(1)
        top, left = self.kernel_size[0] // 2, self.kernel_size[1] // 2
        padded = functional.pad(images, (left, left, top, top), mode="reflect")
        flat = padded.reshape(1, count * channels, *padded.shape[2:])
        return functional.conv2d(flat, kernel, groups=count * channels).view(count, channels, height, width)


def _gaussian(size: int, sigma: Tensor) -> Tensor:
    """Weights that sum to 1, ``N × size``."""
    steps = torch.arange(size, dtype=torch.float32, device=sigma.device) - (size - 1) / 2
    weights = torch.exp(-0.5 * (steps / sigma.unsqueeze(1)) ** 2)
    return weights / weights.sum(1, keepdim=True)


@dataclasses.dataclass(frozen=True, slots=True)
class RandomErasing:
    """Erases with probability `p` a rectangle of each image: `scale` of its area, `ratio` its height by its width.

    `value` fills it, one number or one a channel; None fills it with standard normal noise. Zhong et al. 2020.
    """

    p: float
    scale: tuple[float, float]
    ratio: tuple[float, float]
    value: tuple[float, ...] | None

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor:
        images = to_float(images)
        top, left, height, width = self.rectangles(len(images), images.shape[2], images.shape[3], draw)
        chosen = torch.rand(len(images), generator=draw) < self.p
        fill = (
            torch.randn(images.shape, generator=draw)
            if self.value is None
            else torch.tensor(self.value).view(1, -1, 1, 1)
        )
        return self.apply(images, top, left, height * chosen, width, fill)

    def rectangles(self, count: int, rows: int, columns: int, draw: torch.Generator) -> tuple[Tensor, ...]:
        """Top, left, height and width (int64, one an image): the first of ten tries that fits, or nothing."""
        area = uniform(*self.scale, count * 10, draw).view(count, 10) * rows * columns
        shape = uniform(math.log(self.ratio[0]), math.log(self.ratio[1]), count * 10, draw).view(count, 10).exp()
        height, width = (area * shape).sqrt().round().long(), (area / shape).sqrt().round().long()
        fits = (height < rows) & (width < columns)
        first = fits.to(torch.int8).argmax(1, keepdim=True)
        found = fits.any(1)
        height, width = (size.gather(1, first)[:, 0] * found for size in (height, width))
        top = (torch.rand(count, generator=draw) * (rows - height + 1)).long()
        left = (torch.rand(count, generator=draw) * (columns - width + 1)).long()
        return top, left, height, width

    def apply(self, images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor, fill: Tensor) -> Tensor:
        """`fill` inside the rectangles, the images outside."""
        row = torch.arange(images.shape[2]).view(1, 1, -1, 1)
        across = torch.arange(images.shape[3]).view(1, 1, 1, -1)
        top, left, height, width = (side.view(-1, 1, 1, 1) for side in (top, left, height, width))
        inside = (row >= top) & (row < top + height) & (across >= left) & (across < left + width)
        return torch.where(inside.to(images.device), fill.to(images), images)


def gaussian_noise(theirs: Any) -> Augmentation:
    """`theirs` is v2's GaussianNoise."""
    return GaussianNoise(theirs.mean, theirs.sigma, theirs.clip)


def gaussian_blur(theirs: Any) -> Augmentation:
    """`theirs` is v2's GaussianBlur, which has checked the arguments."""
    height, width = theirs.kernel_size[::-1] if len(theirs.kernel_size) == 2 else theirs.kernel_size * 2
    return GaussianBlur((height, width), (float(theirs.sigma[0]), float(theirs.sigma[1])))


def random_erasing(theirs: Any) -> Augmentation:
    """`theirs` is v2's RandomErasing, which has checked the arguments."""
    value = None if theirs.value is None else tuple(theirs.value)
    return RandomErasing(probability(theirs.p), tuple(theirs.scale), tuple(theirs.ratio), value)
