"""Rotation about the centre, by an angle drawn for every image."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from graphspec.data.augment.base import Augmentation, as_floats, uniform
from graphspec.data.transforms import to_float


@dataclasses.dataclass(frozen=True, slots=True)
class RandomRotation:
    """Turns each image counter-clockwise by an angle from `degrees`; what comes in from outside is `fill`."""

    degrees: tuple[float, float]
    interpolation: str = "nearest"
    fill: float = 0.0

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor:
        return self.apply(to_float(images), uniform(*self.degrees, len(images), draw))

    def moved(self, target: Tensor, mask: bool, size: tuple[int, int], draw: torch.Generator) -> Tensor:
        """As :class:`graphspec.data.augment.base.Geometry` says; what comes into a mask from outside is 0."""
        angles = uniform(*self.degrees, len(target), draw)
        turned = RandomRotation(self.degrees) if mask else self
        return as_floats(target, lambda images: turned.apply(images, angles))

    def apply(self, images: Tensor, angles: Tensor) -> Tensor:
        """`images` turned by `angles` (degrees, one an image)."""
        grid = _grid(angles.to(images.device), images.shape[2], images.shape[3])
        if not self.fill:
            return grid_sample(images, grid, self.interpolation, "zeros", align_corners=False)
        inside = torch.ones_like(images[:, :1])
        turned = grid_sample(torch.cat((images, inside), 1), grid, self.interpolation, "zeros", align_corners=False)
        turned, inside = turned[:, :-1], turned[:, -1:]
        if self.interpolation == "nearest":
            return torch.where(inside < 0.5, torch.full_like(turned, self.fill), turned)
        return (turned - self.fill).mul_(inside).add_(self.fill)


def _grid(angles: Tensor, height: int, width: int) -> Tensor:
    """Where each output pixel comes from, in grid_sample's coordinates: ``N × H × W × 2``."""
    turn = torch.deg2rad(-angles.to(torch.float64))
    cos, sin, zero = turn.cos(), turn.sin(), torch.zeros_like(turn)
    theta = torch.stack([cos, sin, zero, -sin, cos, zero], 1).view(-1, 2, 3).to(torch.float32)
    x = torch.linspace((1.0 - width) * 0.5, (width - 1.0) * 0.5, width, device=angles.device)
    y = torch.linspace((1.0 - height) * 0.5, (height - 1.0) * 0.5, height, device=angles.device)
    points = torch.stack([x.repeat(height), y.repeat_interleave(width), torch.ones_like(x).repeat(height)], 1)
    half = torch.tensor([0.5 * width, 0.5 * height], device=angles.device)
    scaled = theta.transpose(1, 2) / half
    return points.expand(len(angles), -1, -1).bmm(scaled).view(-1, height, width, 2)


def random_rotation(theirs: Any) -> Augmentation:
    """`theirs` is v2's RandomRotation, which has checked the arguments."""
    if theirs.expand or theirs.center is not None:
        raise ValueError("expand and center are not to be had: every image keeps its size and turns about its centre")
    fill = theirs.fill
    if not isinstance(fill, int | float):
        raise ValueError(f"fill must be a number, not {fill!r}")
    low, high = theirs.degrees
    mode = getattr(theirs.interpolation, "value", theirs.interpolation)
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f"interpolation must be nearest or bilinear, not {mode!r}")
    return RandomRotation((float(low), float(high)), mode, float(fill))
