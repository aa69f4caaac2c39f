"""Strips of hand-written digits: what stands there from left to right, or which digits occur."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from graphspec.data.memory import check_memory
from graphspec.data.samples import Samples
from graphspec.data.seeds import generator
from graphspec.data.sources.source import Place, Source

#: Pixels of a digit, each way.
_SIZE = 8
#: Part → which of scikit-learn's digits it is made of, so that none is seen in two parts.
_SHARES = {"train": (0.0, 0.7), "validation": (0.7, 0.8), "test": (0.8, 1.0)}


def digit_strips(
    place: Place, samples: int = 2000, longest: int = 5, target: Literal["text", "present"] = "text"
) -> Source:
    """`samples` pictures (``1 × 8 × 10 · longest`` uint8) of 1 to `longest` of scikit-learn's digits side by side.

    ``text`` are their classes from left to right (``N × longest`` int64, padded with 0, which is the blank);
    ``present`` is which digits occur (``N × 10`` float32). A tenth as many are validated on, a fifth tested on; all
    parts have digits of their own.
    """
    if min(samples, longest) < 1:
        raise ValueError(f"samples and longest are above 0, not {samples!r} and {longest!r}")
    check_memory(f'"digit_strips" with {samples:,} samples', 2 * samples * longest * (_SIZE * (_SIZE + 2) + 8))
    names = tuple(map(str, range(10)))
    counts = {"train": samples, "validation": max(1, samples // 10), "test": max(1, samples // 5)}

    def part(name: str) -> Samples:
        images, text = _strips(name, counts[name], longest, place.seed)
        present = torch.zeros(len(text), 11).scatter_(1, text, 1.0)[:, 1:]
        return Samples({"image": images}, {"text": text} if target == "text" else {"present": present})

    labels = {"text": ("blank", *names)} if target == "text" else {}
    return Source(
        part("train"),
        lambda: part("test"),
        labels,
        validation=lambda: part("validation"),
        names={} if target == "text" else {"present": names},
    )


def _strips(part: str, count: int, longest: int, seed: int) -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    bunch, draw = load_digits(), generator(seed, "digit_strips", part)
    start, stop = (int(share * len(bunch.target)) for share in _SHARES[part])
    pictures = (torch.from_numpy(bunch.images[start:stop]) * (255 / 16)).round().to(torch.uint8)
    classes = torch.from_numpy(bunch.target[start:stop]).to(torch.int64) + 1
    width = (_SIZE + 2) * longest
    images = torch.zeros(count, 1, _SIZE, width, dtype=torch.uint8)
    text = torch.zeros(count, longest, dtype=torch.int64)
    for row in range(count):
        length = int(torch.randint(1, longest + 1, (), generator=draw))
        digits = torch.randint(len(classes), (length,), generator=draw)
        gaps = torch.rand(length + 1, generator=draw).cumsum(0)
        free = (gaps[:-1] / gaps[-1] * (width - _SIZE * length)).to(torch.int64)
        for column, digit in zip((free + _SIZE * torch.arange(length)).tolist(), digits.tolist(), strict=True):
            images[row, 0, :, column : column + _SIZE] = pictures[digit]
        text[row, :length] = classes[digits]
    return images, text
