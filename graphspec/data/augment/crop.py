"""Mirroring and cropping: pixels move, none changes, so uint8 images stay uint8."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from graphspec.data.augment.base import Augmentation, probability
from graphspec.data.transforms import to_float


@dataclasses.dataclass(frozen=True, slots=True)
class Flip:
    """Mirrors each image along `dim` with probability `p`."""

    dim: int
    p: float = 0.5

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor:
        return self.apply(images, torch.rand(len(images), generator=draw) < self.p)

    def apply(self, images: Tensor, chosen: Tensor) -> Tensor:
        """Mirrors the images where `chosen` (bool, one an image) is true."""
        return torch.where(chosen.to(images.device).view(-1, 1, 1, 1), images.flip(self.dim), images)


@dataclasses.dataclass(frozen=True, slots=True)
class RandomCrop:
    """Cuts `size` (height, width) out of each image at a place of its own, after padding (left, top, right, bottom)."""

    size: tuple[int, int]
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    fill: float = 0
    padding_mode: str = "constant"

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor:
        padded = self.pad(images)
        rows, columns = (padded.shape[2] - self.size[0] + 1, padded.shape[3] - self.size[1] + 1)
        if rows < 1 or columns < 1:
            raise ValueError(f"{self.size[0]} × {self.size[1]} is more than the padded image")
        top = torch.randint(rows, (len(images),), generator=draw)
        left = torch.randint(columns, (len(images),), generator=draw)
        return self.apply(padded, top, left)

    def pad(self, images: Tensor) -> Tensor:
        """`images` with the padding around them; a `fill` is of floats in [0, 1], as all of augmentation is."""
        from torchvision.transforms.v2 import functional

        images = to_float(images) if self.fill else images
        return functional.pad(images, list(self.padding), fill=self.fill, padding_mode=self.padding_mode)

    def apply(self, padded: Tensor, top: Tensor, left: Tensor) -> Tensor:
        """The windows whose upper left corners are at `top`, `left` (int64, one an image)."""
        windows = padded.unfold(2, self.size[0], 1).unfold(3, self.size[1], 1)
        device = padded.device
        return windows[torch.arange(len(padded), device=device), :, top.to(device), left.to(device)]


def horizontal_flip(p: float = 0.5) -> Augmentation:
    """``RandomHorizontalFlip``."""
    return Flip(-1, probability(p))


def vertical_flip(p: float = 0.5) -> Augmentation:
    """``RandomVerticalFlip``."""
    return Flip(-2, probability(p))


def random_crop(
    size: int | Sequence[int],
    padding: int | Sequence[int] | None = None,
    fill: float = 0,
    padding_mode: str = "constant",
) -> Augmentation:
    """``RandomCrop``."""
    height_width = (size, size) if isinstance(size, int) else tuple(size)
    around = _four_sides(padding or 0)
    if len(height_width) != 2 or any(side < 1 for side in height_width):
        raise ValueError(f"size must be one or two numbers above 0, not {size!r}")
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError(f"padding_mode must be constant, edge, reflect or symmetric, not {padding_mode!r}")
    return RandomCrop(height_width, around, fill, padding_mode)


def _four_sides(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """torchvision's padding, one, two or four numbers, as (left, top, right, bottom)."""
    sides = (padding,) if isinstance(padding, int) else tuple(padding)
    if len(sides) not in (1, 2, 4) or any(side < 0 for side in sides):
        raise ValueError(f"padding must be one, two or four numbers from 0 on, not {padding!r}")
    return (sides * 4)[:4]  # type: ignore[return-value]
