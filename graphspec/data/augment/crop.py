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
        return self.apply(images, self.chosen(len(images), draw))

    def chosen(self, count: int, draw: torch.Generator) -> Tensor:
        """Which of `count` images are mirrored, bool."""
        return torch.rand(count, generator=draw) < self.p

    def apply(self, images: Tensor, chosen: Tensor) -> Tensor:
        """Mirrors the images where `chosen` (bool, one an image) is true."""
        both = torch.cat((images, images.flip(self.dim)))  # whole images are selected several times faster than pixels
        row = torch.arange(len(images)) + len(images) * chosen
        return both.index_select(0, row.to(images.device))

    def moved(self, target: Tensor, mask: bool, size: tuple[int, int], draw: torch.Generator) -> Tensor:
        """As :class:`graphspec.data.augment.base.Geometry` says."""
        return self(target, draw)


@dataclasses.dataclass(frozen=True, slots=True)
class RandomCrop:
    """Cuts `size` (height, width) out of each image at a place of its own, after padding (left, top, right, bottom)."""

    size: tuple[int, int]
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    fill: float = 0
    padding_mode: str = "constant"

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor:
        padded = self.pad(images)
        return self.apply(padded, *self.corners(padded.shape, len(images), draw))

    def corners(self, padded: torch.Size, count: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """The upper left corners of `count` windows in images of the shape `padded`: top and left, int64."""
        rows, columns = (padded[2] - self.size[0] + 1, padded[3] - self.size[1] + 1)
        if rows < 1 or columns < 1:
            raise ValueError(f"{self.size[0]} × {self.size[1]} is more than the padded image")
        return torch.randint(rows, (count,), generator=draw), torch.randint(columns, (count,), generator=draw)

    def moved(self, target: Tensor, mask: bool, size: tuple[int, int], draw: torch.Generator) -> Tensor:
        """As :class:`graphspec.data.augment.base.Geometry` says; what is padded around a mask is 0."""
        times = target.shape[-1] // size[1]
        larger = RandomCrop(
            (self.size[0] * times, self.size[1] * times), _times(self.padding, times), 0 if mask else self.fill,
            self.padding_mode,
        )  # fmt: skip
        left, top, right, bottom = self.padding
        padded = torch.Size((len(target), 1, size[0] + top + bottom, size[1] + left + right))
        row, column = self.corners(padded, len(target), draw)
        images = target if target.ndim == 4 else target.unsqueeze(1)
        return larger.apply(larger.pad(images), row * times, column * times).view(*target.shape[:-2], *larger.size)

    def pad(self, images: Tensor) -> Tensor:
        """`images` with the padding around them; a `fill` is of floats in [0, 1], as all of augmentation is."""
        from torchvision.transforms.v2 import functional

        images = to_float(images) if self.fill else images
        return functional.pad(images, list(self.padding), fill=self.fill, padding_mode=self.padding_mode)

    def apply(self, padded: Tensor, top: Tensor, left: Tensor) -> Tensor:
        """The windows whose upper left corners are at `top`, `left` (int64, one an image)."""
        return cut(padded.contiguous(), torch.arange(len(padded)), top, left, self.size).contiguous()


def cut(images: Tensor, row: Tensor, top: Tensor, left: Tensor, size: tuple[int, int]) -> Tensor:
    """The windows of `size` in the contiguous `images` at `row`, with their corners at `top`, `left` (int64 each).

    From its first pixel to its last a window is one piece of memory, its rows as far apart as those of the images; so
    it is copied at once, and the result is a view of the pieces.
    """
    _, channels, height, width = images.shape
    piece = (channels - 1) * height * width + (size[0] - 1) * width + size[1]
    pieces = images.as_strided((images.numel() - piece + 1, piece), (1, 1))
    start = row * (channels * height * width) + top * width + left
    chosen = pieces.index_select(0, start.to(images.device))
    return chosen.as_strided((len(row), channels, *size), (piece, height * width, width, 1))


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


def _times(sides: tuple[int, int, int, int], times: int) -> tuple[int, int, int, int]:
    left, top, right, bottom = sides
    return left * times, top * times, right * times, bottom * times


def _four_sides(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """torchvision's padding, one, two or four numbers, as (left, top, right, bottom)."""
    sides = (padding,) if isinstance(padding, int) else tuple(padding)
    if len(sides) not in (1, 2, 4) or any(side < 0 for side in sides):
        raise ValueError(f"padding must be one, two or four numbers from 0 on, not {padding!r}")
    return (sides * 4)[:4]  # type: ignore[return-value]
