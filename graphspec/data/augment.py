"""Augmentation while training: torchvision.transforms.v2's names, drawn for every sample of a batch.

A v2 transform called on a batch draws once for all samples, which is not augmentation. Here each draws a parameter per
sample and works on the whole batch; with the same parameters the pixels are v2's. Where there is no batched form, v2
itself runs sample by sample: correct, and slower.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from graphspec.data.components import choose, construct
from graphspec.data.seeds import generator
from graphspec.data.transforms import to_float
from graphspec.diagnostics import fail
from graphspec.spec.base import Component


class Augmentation(Protocol):
    """One random transform of images ``N × C × H × W``, uint8 or float in [0, 1]; `draw` is a CPU generator."""

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor: ...


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


@dataclasses.dataclass(frozen=True, slots=True)
class PerSample:
    """A transform of torchvision.transforms.v2 that has no batched form here, called for one sample after another."""

    transform: Callable[[Tensor], Tensor]

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor:
        seed = int(torch.randint(2**62, (), generator=draw))
        with torch.random.fork_rng(devices=[]):  # v2 draws from the global generator, which dropout needs untouched
            torch.manual_seed(seed)
            return torch.stack([self.transform(image) for image in to_float(images)])


def _horizontal_flip(p: float = 0.5) -> Augmentation:
    return Flip(-1, _probability(p))


def _vertical_flip(p: float = 0.5) -> Augmentation:
    return Flip(-2, _probability(p))


def _random_crop(
    size: int | Sequence[int],
    padding: int | Sequence[int] | None = None,
    fill: float = 0,
    padding_mode: str = "constant",
) -> Augmentation:
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


def _probability(p: float) -> float:
    if not 0 <= p <= 1:
        raise ValueError(f"p must be between 0 and 1, not {p!r}")
    return p


BATCHED: dict[str, Callable[..., Augmentation]] = {
    "RandomHorizontalFlip": _horizontal_flip,
    "RandomVerticalFlip": _vertical_flip,
    "RandomCrop": _random_crop,
}
#: v2's transforms of one image that draw at random (or need no draw), and take numbers and names only.
PER_SAMPLE = (
    "RandomResizedCrop", "RandomRotation", "RandomAffine", "RandomPerspective", "ElasticTransform", "ColorJitter",
    "RandomGrayscale", "RandomInvert", "RandomPosterize", "RandomSolarize", "RandomAdjustSharpness",
    "RandomAutocontrast", "RandomEqualize", "RandomPhotometricDistort", "RandomChannelPermutation", "GaussianBlur",
    "GaussianNoise", "RandomErasing", "RandomZoomOut", "AutoAugment", "RandAugment", "TrivialAugmentWide", "AugMix",
)  # fmt: skip


def augmentations(components: Sequence[Component]) -> tuple[Augmentation, ...]:
    """What ``[data] augment`` lists, in order."""
    return tuple(_augmentation(component, ("data", "augment", i)) for i, component in enumerate(components))


def check_augmentations(built: Sequence[Augmentation], components: Sequence[Component], images: Tensor) -> None:
    """Try each augmentation on `images`, a few samples; raises ``GraphspecError`` where one cannot work on them."""
    for i, (augmentation, component) in enumerate(zip(built, components, strict=True)):
        at = ("data", "augment", i)
        if images.ndim != 4:
            raise fail("bad-value", f"{component.type} is for images", at=at)
        try:
            images = augmentation(images, generator(0, "check"))
        except (RuntimeError, ValueError, TypeError) as error:
            size = " × ".join(map(str, images.shape[1:]))
            raise fail("bad-value", f"{component.type} fails on images of {size}: {error}", at=at) from error


def _augmentation(component: Component, at: tuple[str | int, ...]) -> Augmentation:
    from torchvision.transforms import v2

    table: dict[str, Any] = {name: getattr(v2, name) for name in PER_SAMPLE} | BATCHED
    built = construct(component, choose(component, table, "augmentation", at), at)
    return built if component.type in BATCHED else PerSample(built)
