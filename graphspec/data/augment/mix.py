"""MixUp and CutMix: two images become one, and so do their labels."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from graphspec.data.augment.base import column, seeded
from graphspec.data.transforms import to_float


@dataclasses.dataclass(frozen=True, slots=True)
class Mix:
    """Mixes each image with the one before it in the batch, by a share λ ~ Beta(alpha, alpha) of its own.

    MixUp (Zhang et al. 2018) blends them, CutMix (Yun et al. 2019), with ``cut``, pastes a rectangle of the other.
    """

    classes: int
    alpha: float
    cut: bool

    def __call__(self, images: Tensor, labels: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Floats in [0, 1] and labels ``N × classes``: shares that sum to 1, or one of each label."""
        images = to_float(images)
        with seeded(draw):
            share = torch.distributions.Beta(self.alpha, self.alpha).sample((len(images),))
        if not self.cut:
            return self.blend(images, labels, share)
        height, width = images.shape[2:]
        row = torch.randint(height, (len(images),), generator=draw)
        across = torch.randint(width, (len(images),), generator=draw)
        return self.paste(images, labels, share, row, across)

    def blend(self, images: Tensor, labels: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        """``λ x + (1 - λ) x'`` with λ = `share`, one an image."""
        part = column(share, images)
        return images.roll(1, 0) * (1 - part) + images * part, self._labels(labels, share)

    def paste(
        self, images: Tensor, labels: Tensor, share: Tensor, row: Tensor, across: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The other image in a box of ``1 - share`` of the area about (`row`, `across`); what it lacks counts back."""
        height, width = images.shape[2:]
        half = 0.5 * (1 - share).sqrt()
        tall, wide = (half * height).int(), (half * width).int()
        top, bottom = (row - tall).clamp(min=0), (row + tall).clamp(max=height)
        left, right = (across - wide).clamp(min=0), (across + wide).clamp(max=width)
        y, x = torch.arange(height).view(1, 1, -1, 1), torch.arange(width).view(1, 1, 1, -1)
        sides = (side.view(-1, 1, 1, 1) for side in (top, bottom, left, right))
        upper, lower, start, stop = sides
        inside = (y >= upper) & (y < lower) & (x >= start) & (x < stop)
        kept = 1 - ((bottom - top) * (right - left)).float() / (height * width)
        return torch.where(inside.to(images.device), images.roll(1, 0), images), self._labels(labels, kept)

    def _labels(self, labels: Tensor, share: Tensor) -> Tensor:
        hot = labels if labels.is_floating_point() else one_hot(labels, self.classes).to(torch.float32)
        part = share.to(hot.device).unsqueeze(1)
        return hot.roll(1, 0) * (1 - part) + hot * part


def mix_up(num_classes: int, alpha: float = 1.0) -> Mix:
    """``MixUp``."""
    return Mix(num_classes, _positive(alpha), cut=False)


def cut_mix(num_classes: int, alpha: float = 1.0) -> Mix:
    """``CutMix``."""
    return Mix(num_classes, _positive(alpha), cut=True)


def _positive(alpha: float) -> float:
    if not 0.01 <= alpha <= 1000:  # beyond, float32's draws from Beta are not numbers, or all the same
        raise ValueError(f"alpha must be between 0.01 and 1000, not {alpha!r}")
    return float(alpha)
