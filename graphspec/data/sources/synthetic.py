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
