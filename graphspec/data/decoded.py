"""Image files as one tensor: decoded once, in parallel, and kept in a cache where the user names one."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphspec.data import cache, memory
from graphspec.data.streamed import ImageFiles, MappedImages
from graphspec.data.transforms import LARGEST_IMAGE, SizeTransforms
from graphspec.data.workers import in_parallel
from graphspec.diagnostics import GraphspecError, fail, warn
from graphspec.system.regular_file import open_regular

#: Pillow's formats that are opened; others start programs (EPS), hold more than an image, or are hardly tried.
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM")
AT = ("data", "dataset")


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """Reads image files of one `size` (C, H, W after `resize`); any other is refused by its name."""

    first: str
    size: tuple[int, ...]
    resize: SizeTransforms
    transparent: list[str] = dataclasses.field(default_factory=list, compare=False)

    def __call__(self, path: str) -> Tensor:
        image = self.resize(decode(path, transparent=self.transparent))
        if tuple(image.shape) != self.size:
            one, other = (" × ".join(map(str, shape[1:])) for shape in (self.size, image.shape))
            message = f"the images differ in size: {self.first} is {one}, {path} is {other}"
            hint = 'add { type = "Resize", size = [64, 64] } to transforms'
            raise fail("bad-data", message, at=("data", "transforms"), hint=hint)
        return image


def images(paths: Sequence[str], resize: SizeTransforms, cache_folder: Path | None = None) -> Any:
    """All images in one ``N × 3 × H × W`` uint8 tensor, or what stands for it where memory is too small.

    With a `cache_folder` they are decoded into a file there, unless it is there already; that file is mapped into
    memory. Raises ``GraphspecError`` for a file that is no image or of another size than the first.
    """
    first = decode(paths[0])
    resize.check(tuple(first.shape))
    read = Reader(paths[0], tuple(resize(first).shape), resize)
    shape = (len(paths), *read.size)
    fits = math.prod(shape) <= memory.budget()
    if cache_folder is not None:
        key = cache.key(paths, resize.as_dicts())
        found, content = cache.fetch(cache_folder, key, shape, lambda empty: fill(empty, paths, read))
        return found if fits else MappedImages(found, torch.arange(len(paths)), content)
    if not fits:
        return ImageFiles(tuple(paths), read.size, read)
    decoded = torch.empty(shape, dtype=torch.uint8)
    fill(decoded, paths, read)
    return decoded


def fill(images: Tensor, paths: Sequence[str], read: Reader) -> None:
    """Decode the files at `paths` into the rows of `images`."""

    def one(row: int) -> None:
        images[row] = read(paths[row])

    for _ in in_parallel(one, len(paths), "decoding images"):
        pass
    _say_transparent(read.transparent)


def _say_transparent(paths: Sequence[str]) -> None:
    if paths:
        count = len(paths)
        many = f"{count:,} images have" if count > 1 else "an image has"
        hint = "what is behind transparent pixels is not known: lay them on the background that is meant"
        warn(
            "bad-data", f"{many} transparent pixels, which count with the colours stored there: {min(paths)}", AT, hint
        )


@contextlib.contextmanager
def opened_image(path: str, formats: tuple[str, ...], what: str) -> Iterator[Any]:
    """The picture at `path`, one of `formats`, as Pillow opens it; its faults are said of `what` it is read as."""
    from PIL import Image, UnidentifiedImageError

    try:
        with open_regular(path) as content, Image.open(content, formats=formats) as image:
            if image.width * image.height > LARGEST_IMAGE:
                raise fail("bad-data", f"{path} claims {image.width} × {image.height} pixels", at=AT)
            yield image
    except UnidentifiedImageError as error:
        kinds = ", ".join(formats)
        raise fail("bad-data", f"{path} cannot be read as {what}: it is none of {kinds}", at=AT) from error
    except GraphspecError:
        raise
    except Exception as error:  # Pillow's readers raise anything on damaged files
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise fail("bad-data", f"{path} cannot be read as {what}: {reason}", at=AT) from error


def decode(path: str, mode: str = "RGB", transparent: list[str] | None = None) -> Tensor:
    """The image at `path` as C × H × W uint8, turned as its EXIF tag says, palette, CMYK and 16 bits converted.

    `mode` is RGB or L (grey). What is transparent has the colour that is stored there; the path of such an image is
    added to those that are `transparent`. Raises ``GraphspecError`` for what is no regular file, or of no format in
    ``FORMATS``.
    """
    import numpy as np
    from PIL import Image, ImageOps

    with opened_image(path, FORMATS, "an image") as image:
        if image.mode in ("I", "F"):
            raise fail("bad-data", f"{path} has pixels of mode {image.mode}, which has no largest value", at=AT)
        if image.mode.startswith("I;16"):  # convert("RGB") would cut at 255 instead of scaling
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        image = ImageOps.exif_transpose(image)
        if transparent is not None and image.mode in ("RGBA", "LA") and np.asarray(image)[..., -1].min() < 255:
            transparent.append(path)
        return torch.from_numpy(np.atleast_3d(np.array(image.convert(mode)))).permute(2, 0, 1).contiguous()
