"""MNIST, Fashion-MNIST and KMNIST from their unpacked files, in the IDX format (LeCun, yann.lecun.com/exdb/mnist).

torchvision reads them too, but its import alone takes a quarter of a second.
"""

from __future__ import annotations

import dataclasses
import os
import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphspec.system.regular_file import open_regular

_DIGITS = "zero one two three four five six seven eight nine".split()
#: The sets by torchvision's names, and what it calls their classes.
CLASSES = {
    "MNIST": tuple(f"{digit} - {name}" for digit, name in enumerate(_DIGITS)),
    "FashionMNIST": (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    "KMNIST": tuple("o ki su tsu na ha ma ya re wo".split()),
}  # fmt: skip
_PARTS = ("train", "t10k")
_UNSIGNED_BYTE = 8


@dataclasses.dataclass(frozen=True, slots=True)
class IdxSet:
    """One part: ``data`` is uint8 ``N × H × W``, ``targets`` int64 ``N``; the files lie in ``raw_folder``."""

    data: Tensor
    targets: Tensor
    classes: tuple[str, ...]
    raw_folder: Path


def read(name: str, root: Path, train: bool) -> IdxSet | None:
    """The training or test part of the set `name` under `root`, as torchvision would read it.

    None where not all four files are there, or one of this part is not to the byte what its header says: then
    torchvision is to be asked, which also knows older forms.
    """
    folder = root / name / "raw"
    files = {part: [folder / f"{part}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1")] for part in _PARTS}
    if (root / name / "processed").exists() or not all(file.is_file() for pair in files.values() for file in pair):
        return None
    images, labels = (_array(file, dims) for file, dims in zip(files[_PARTS[not train]], (3, 1), strict=True))
    if images is None or labels is None:
        return None
    return IdxSet(images, labels.long(), CLASSES[name], folder)


def _array(path: Path, dims: int) -> Tensor | None:
    """The uint8 array of `dims` dimensions in an IDX file; None where the file is anything else."""
    with open_regular(path) as file:
        magic, *shape = struct.unpack(f">{1 + dims}I", file.read(4 + 4 * dims).ljust(4 + 4 * dims, b"\0"))
        size = int(np.prod(shape, dtype=object))
        if magic != _UNSIGNED_BYTE << 8 | dims or os.fstat(file.fileno()).st_size != file.tell() + size:
            return None
        return torch.from_numpy(np.fromfile(file, np.uint8)).view(shape)
