"""A user's file as samples for a network's input, before any transform."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphspec.data.decoded import decode
from graphspec.diagnostics import fail, quoted
from graphspec.shapes import TensorType

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm")


def read_samples(path: Path, kind: TensorType, colour: bool) -> Tensor:
    """The samples in `path`, one in each row of the result.

    An image gives ``1 × C × H × W`` uint8, RGB with `colour` and grey without; ``.npy`` one sample or a batch of
    them, as the data set holds them; ``.csv`` a row of numbers for each sample, without a heading.
    """
    if path.suffix.lower() in IMAGES:
        return decode(str(path), "RGB" if colour else "L").unsqueeze(0)
    readers: dict[str, Callable[[Path], Any]] = {".npy": _array, ".csv": _table}
    if path.suffix not in readers:
        raise fail("wrong-extension", f"{quoted(path)} is neither an image nor .npy nor .csv")
    try:
        values = torch.from_numpy(readers[path.suffix](path))
    except (OSError, ValueError, TypeError) as error:
        raise fail("bad-data", f"{quoted(path)} cannot be read: {error}") from error
    values = values if values.ndim == len(kind.shape) else values.unsqueeze(0)
    return values if values.dtype == torch.uint8 else values.to(kind.dtype)


def _array(path: Path) -> Any:
    return np.load(path, allow_pickle=False)


def _table(path: Path) -> Any:
    return np.loadtxt(path, delimiter=",", ndmin=2, dtype=np.float32)
