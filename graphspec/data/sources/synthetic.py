"""Data made up by a formula, from the seed."""

from __future__ import annotations

import torch

from graphspec.data.memory import check_memory
from graphspec.data.samples import Samples
from graphspec.data.seeds import generator
from graphspec.data.sources.source import Place, Source

#: x, y and what stands between them while they are made.
_BYTES = 5 * 4


def line(
    place: Place,
    samples: int = 100,
    slope: float = 3.0,
    intercept: float = 2.0,
    noise: float = 0.5,
    low: float = 0.0,
    high: float = 2.0,
) -> Source:
    """`samples` points of y = slope · x + intercept + noise · ε; x is uniform on [low, high], ε standard normal."""
    if not isinstance(samples, int) or samples < 1:
        raise ValueError(f"samples must be a whole number above 0, not {samples!r}")
    check_memory(f'"line" with {samples:,} samples', _BYTES * samples)
    draw = generator(place.seed, "line")
    x = torch.rand(samples, 1, generator=draw) * (high - low) + low
    y = slope * x + intercept + noise * torch.randn(samples, 1, generator=draw)
    return Source(Samples({"x": x}, {"y": y}))


def shapes(place: Place, samples: int = 400, size: int = 32, noise: float = 0.1) -> Source:
    """`samples` pictures (``3 × size × size`` uint8) of a disc and a square, whose masks are 1 and 2.

    On a dark ground both have bright colours and places of their own, the one drawn last lies on the other, and all
    have normal `noise`.
    """
    if min(samples, size - 7) < 1:
        raise ValueError(f"samples must be above 0 and size above 7, not {samples!r} and {size!r}")
    check_memory(f'"shapes" with {samples:,} samples', 24 * samples * size * size)
    draw = generator(place.seed, "shapes")
    across, down = torch.arange(size).view(1, 1, -1), torch.arange(size).view(1, -1, 1)
    mask = torch.zeros(samples, size, size, dtype=torch.uint8)
    pictures = 0.3 * torch.rand(samples, 3, 1, 1, generator=draw).expand(-1, -1, size, size)
    order = torch.rand(samples, generator=draw) < 0.5
    for first in (True, False):
        for label in (1, 2):
            radius = (0.12 + 0.13 * torch.rand(samples, 1, 1, generator=draw)) * size
            x, y = (torch.rand(2, samples, 1, 1, generator=draw) * 0.7 + 0.15) * size
            aside, below = across - x, down - y
            inside = (
                aside**2 + below**2 <= radius**2 if label == 1 else torch.maximum(aside.abs(), below.abs()) <= radius
            )
            inside &= ((order == (label == 1)) == first).view(-1, 1, 1)
            mask[inside] = label
            colour = 0.4 + 0.6 * torch.rand(samples, 3, 1, 1, generator=draw)
            pictures = torch.where(inside.unsqueeze(1), colour, pictures)
    pictures = pictures + noise * torch.randn(pictures.shape, generator=draw)
    images = (pictures.clamp_(0, 1) * 255).round().to(torch.uint8)
    return Source(Samples({"image": images}, {"mask": mask}), labels={"mask": ("background", "disc", "square")})
