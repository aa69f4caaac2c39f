"""Random parts of each image, brought to one size."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from graphspec.data.augment.base import Augmentation, as_floats, uniform
from graphspec.data.transforms import to_float


@dataclasses.dataclass(frozen=True, slots=True)
class RandomResizedCrop:
    """Cuts `scale` of each image's area, `ratio` its width by its height, and resizes it to `size` (height, width).

    Where ten tries do not fit, the largest part in the middle with an allowed ratio is taken. Szegedy et al. 2015.
    """

    size: tuple[int, int]
    scale: tuple[float, float]
    ratio: tuple[float, float]
    interpolation: str = "bilinear"
    antialias: bool = True

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor:
        return self.apply(to_float(images), *self.boxes(len(images), images.shape[2], images.shape[3], draw))

    def boxes(self, count: int, rows: int, columns: int, draw: torch.Generator) -> tuple[Tensor, ...]:
        """Top, left, height and width (int64, one an image)."""
        area = uniform(*self.scale, count * 10, draw).view(count, 10) * rows * columns
        shape = uniform(math.log(self.ratio[0]), math.log(self.ratio[1]), count * 10, draw).view(count, 10).exp()
        height, width = (area / shape).sqrt().round().long(), (area * shape).sqrt().round().long()
        fits = (height > 0) & (height <= rows) & (width > 0) & (width <= columns)
        first, found = fits.to(torch.int8).argmax(1, keepdim=True), fits.any(1)
        tall, wide = self._largest(rows, columns)
        height = torch.where(found, height.gather(1, first)[:, 0], tall)
        width = torch.where(found, width.gather(1, first)[:, 0], wide)
        top = (torch.rand(count, generator=draw) * (rows - height + 1)).long()
        left = (torch.rand(count, generator=draw) * (columns - width + 1)).long()
        return (
            torch.where(found, top, (rows - tall) // 2),
            torch.where(found, left, (columns - wide) // 2),
            height,
            width,
        )

    def moved(self, target: Tensor, mask: bool, size: tuple[int, int], draw: torch.Generator) -> Tensor:
        """As :class:`graphspec.data.augment.base.Geometry` says."""
        times = target.shape[-1] // size[1]
        boxes = [side * times for side in self.boxes(len(target), *size, draw)]
        mode = "nearest" if mask else self.interpolation
        larger = dataclasses.replace(self, size=(self.size[0] * times, self.size[1] * times), interpolation=mode)
        return as_floats(target, lambda images: larger.apply(images, *boxes))

    def _largest(self, rows: int, columns: int) -> tuple[int, int]:
        low, high = self.ratio
        if columns / rows < low:
            return round(columns / low), columns
        return (rows, round(rows * high)) if columns / rows > high else (rows, columns)

    def apply(self, images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
        """The boxes of `images`, resized one after the other: each has sizes of its own."""
        resized = images.new_empty(len(images), images.shape[1], *self.size)
        boxes = zip(top.tolist(), left.tolist(), height.tolist(), width.tolist(), strict=True)
        for row, (y, x, tall, wide) in enumerate(boxes):
            part = images[row : row + 1, :, y : y + tall, x : x + wide]
            resized[row] = self._resize(part)[0]
        return resized

    def _resize(self, part: Tensor) -> Tensor:
        if tuple(part.shape[2:]) == self.size:
            return part
        if self.interpolation.startswith("nearest"):
            return interpolate(part, self.size, mode=self.interpolation)
        return interpolate(part, self.size, mode=self.interpolation, align_corners=False, antialias=self.antialias)


def random_resized_crop(theirs: Any) -> Augmentation:
    """`theirs` is v2's RandomResizedCrop, which has checked the arguments."""
    mode = getattr(theirs.interpolation, "value", theirs.interpolation)
    if mode not in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        raise ValueError(f"interpolation must be nearest, nearest-exact, bilinear or bicubic, not {mode!r}")
    height, width = theirs.size
    return RandomResizedCrop((height, width), tuple(theirs.scale), tuple(theirs.ratio), mode, bool(theirs.antialias))
