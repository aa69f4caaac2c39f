"""Masks: image files whose pixels are classes, by number or by a palette's index."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphspec.data.decoded import decode, opened_image
from graphspec.data.transforms import SizeTransforms
from graphspec.diagnostics import fail

#: Pillow's formats that keep the numbers of pixels; JPEG and WebP make others of them.
FORMATS = ("PNG", "BMP", "GIF", "TIFF", "PPM")
AT = ("data", "dataset")


@dataclasses.dataclass(frozen=True, slots=True)
class PairReader:
    """Reads an image with its mask, both brought to size by ``resize``; the mask by nearest, with a class a pixel.

    ``known`` maps the numbers in the files to classes. Raises ``GraphspecError`` for another number, and where an image
    and its mask differ in size.
    """

    resize: SizeTransforms
    known: Mapping[int, int]

    def __call__(self, image: str, mask: str) -> tuple[Tensor, Tensor]:
        """``3 × H × W`` uint8, and ``H × W`` int64."""
        picture, labels = decode(image), decode_mask(mask)
        if picture.shape[1:] != labels.shape:
            one, other = (" × ".join(map(str, shape)) for shape in (picture.shape[1:], labels.shape))
            raise fail("bad-data", f"{image} is {one}, its mask {mask} is {other}", at=AT)
        classes = torch.from_numpy(self._classes(labels, mask))
        return self.resize(picture), self.resize.of_mask(classes)

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
