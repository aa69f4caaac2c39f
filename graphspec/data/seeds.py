"""Independent random streams that are a function of the seed and of what they are for."""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, *stream: str | int) -> torch.Generator:
    """A CPU generator for `stream`, e.g. ``generator(0, "order", epoch)``.

    Hashing keeps streams independent: neighbouring seeds or epochs share nothing, and no state has to be saved to go
    on from the middle of a run.
    """
    text = "/".join(str(part) for part in (seed, *stream))
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
    return torch.Generator().manual_seed(number)
