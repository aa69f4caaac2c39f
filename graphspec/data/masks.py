"""Masks: image files whose pixels are classes, by number or by a palette's index; kept, or read when a batch asks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphspec.data import memory
from graphspec.data.decoded import FORMATS as IMAGE_FORMATS
from graphspec.data.decoded import fill_rows, opened_image, size_of
from graphspec.data.streamed import ImageFiles
from graphspec.data.transforms import SizeTransforms
from graphspec.data.workers import in_parallel
from graphspec.diagnostics import fail

#: Pillow's formats that keep the numbers of pixels; JPEG and WebP make others of them.
FORMATS = ("PNG", "BMP", "GIF", "TIFF", "PPM")
AT = ("data", "dataset")


@dataclasses.dataclass(frozen=True, slots=True)
class MaskReader:
    """Reads a mask, brought to size by ``resize``, by nearest, as its image is, with a class a pixel, of ``dtype``.

    ``known`` maps the numbers in the files to classes. Raises ``GraphspecError`` for another number.
    """

    resize: SizeTransforms
    known: Mapping[int, int]

    @property
    def dtype(self) -> torch.dtype:
        """uint8 where every class is one."""
        return torch.uint8 if all(0 <= label < 256 for label in self.known.values()) else torch.int64

    def __call__(self, path: str) -> Tensor:
        """``H × W``."""
        return self.resize.of_mask(torch.from_numpy(self._classes(decode_mask(path), path))).to(self.dtype)

    def _classes(self, labels: NDArray[np.int64], path: str) -> NDArray[np.int64]:
        numbers, places = np.unique(labels, return_inverse=True)
        odd = [int(number) for number in numbers if int(number) not in self.known]
        if odd:
            listed = ", ".join(map(str, sorted(self.known)))
            given = ", ".join(map(str, sorted({*list(self.known)[:1], *odd})))
            hint = f"values = [{given}] says which numbers stand for the classes in order"
            hint += f"; ignore_index = {odd[-1]} in [train] loss leaves pixels out"
            raise fail("bad-data", f"{path} holds {odd[0]}, and the classes are {listed}", at=AT, hint=hint)
        table = np.array([self.known[int(number)] for number in numbers], dtype=np.int64)
        return table[places].reshape(labels.shape)


def masks(paths: Sequence[str], read: MaskReader) -> Any:
    """All masks, ``N × H × W``, or what stands for them where memory is too small."""
    first = read(paths[0])
    shape = (len(paths), *first.shape)
    if math.prod(shape) * read.dtype.itemsize > memory.budget():
        return ImageFiles(tuple(paths), tuple(first.shape), read)
    decoded = torch.empty(shape, dtype=read.dtype)
    fill_rows(decoded, paths, read, "decoding masks")
    return decoded


def check_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Whether each image and its mask have one size, by what their files say before they are decoded.

    Raises ``GraphspecError``, naming both files.
    """

    def one(row: int) -> None:
        image, mask = pairs[row]
        sizes = size_of(image, IMAGE_FORMATS, "an image"), size_of(mask, FORMATS, "a mask")
        if sizes[0] != sizes[1]:
            one, other = (" × ".join(map(str, size)) for size in sizes)
            raise fail("bad-data", f"{image} is {one}, its mask {mask} is {other}", at=AT)

    for _ in in_parallel(one, len(pairs), "checking sizes"):
        pass


def decode_mask(path: str) -> NDArray[np.int64]:
    """The numbers in the mask at `path`, ``H × W``: of a palette the indices, of grey values these, of bits 0 and 1.

    Raises ``GraphspecError`` for what is no regular file, of another format, or in colours.
    """
    from PIL import ImageOps

    with opened_image(path, FORMATS, "a mask") as file:
        if file.mode not in ("1", "L", "P", "I", "I;16"):
            hint = "a mask holds the number of a class in each pixel: grey values, or a palette's indices"
            raise fail("bad-data", f"{path} has pixels of mode {file.mode}, which are no classes", at=AT, hint=hint)
        return np.array(ImageOps.exif_transpose(file)).astype(np.int64)
