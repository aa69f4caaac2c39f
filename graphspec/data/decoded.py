"""Image files as one tensor: decoded once, in parallel, and kept in a cache where the user names one."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphspec.data import cache, memory
from graphspec.data.streamed import ImageFiles, MappedImages
from graphspec.data.transforms import LARGEST_IMAGE, SizeTransforms
from graphspec.data.unread import reading
from graphspec.data.workers import in_parallel
from graphspec.diagnostics import fail, warn
from graphspec.system.regular_file import open_regular

#: Pillow's formats that are opened; others start programs (EPS), hold more than an image, or are hardly tried.
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM")
AT = ("data", "dataset")
#: EXIF's tag, and the values of it at which height and width change places.
_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)


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
    """All images in one ``N × 3 × H × W`` uint8 tensor, or what stands for it where memory is too small; floats behind
    a transform of the user's own.

    With a `cache_folder` they are decoded into a file there, unless it is there already; that file is mapped into
    memory. Raises ``GraphspecError`` for a file that is no image or of another size than the first.
    """
    image = decode(paths[0])
    resize.check(tuple(image.shape))
    first = resize(image)
    read = Reader(paths[0], tuple(first.shape), resize)
    shape = (len(paths), *read.size)
    fits = math.prod(shape) * first.dtype.itemsize <= memory.budget()
    if resize.own and cache_folder is not None:
        warn("bad-data", f"what {resize.own[0]} makes of images is not cached, as its code may change", AT)
    elif cache_folder is not None:
        key = cache.key(paths, resize.as_dicts())
        found, content = cache.fetch(cache_folder, key, shape, lambda empty: fill(empty, paths, read))
        return found if fits else MappedImages(found, torch.arange(len(paths)), content)
    if not fits:
        return ImageFiles(tuple(paths), read.size, read, floats=first.is_floating_point())
    decoded = torch.empty(shape, dtype=first.dtype)
    fill(decoded, paths, read)
    return decoded


def fill(images: Tensor, paths: Sequence[str], read: Reader) -> None:
    """Decode the files at `paths` into the rows of `images`."""
    fill_rows(images, paths, read, "decoding images")
    _say_transparent(read.transparent)


def fill_rows(rows: Tensor, paths: Sequence[str], read: Callable[[str], Tensor], doing: str) -> None:
    """Put what `read` makes of each file into its row; `doing` is what is said meanwhile."""

    def one(row: int) -> None:
        rows[row] = read(paths[row])

    for _ in in_parallel(one, len(paths), doing):
        pass


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

    with reading(Path(path), what, Exception):  # Pillow's readers raise anything on damaged files
        try:
            with open_regular(path) as content, Image.open(content, formats=formats) as image:
                if image.width * image.height > LARGEST_IMAGE:
                    raise fail("bad-data", f"{path} claims {image.width} × {image.height} pixels", at=AT)
                yield image
        except UnidentifiedImageError as error:
            raise ValueError(f"it is none of {', '.join(formats)}") from error


def size_of(path: str, formats: tuple[str, ...], what: str) -> tuple[int, int]:
    """Height and width of the picture at `path`, turned as its EXIF tag says, from the head of the file."""
    with opened_image(path, formats, what) as image:
        turned = image.getexif().get(_ORIENTATION, 1) in _ON_ITS_SIDE
        return (image.width, image.height) if turned else (image.height, image.width)


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
