"""torchvision's ImageFolder layout: ``root/train/CLASS/…`` and ``root/test/CLASS/…``, decoded once."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphspec.data import memory
from graphspec.data.samples import Samples
from graphspec.data.sources.source import Place, Source
from graphspec.data.streamed import ImageFiles
from graphspec.diagnostics import fail, quoted, warn

#: Pixels an image may have before it counts as a decompression bomb (Pillow's own limit is a warning).
LARGEST_IMAGE = 64 * 1024 * 1024
AT = ("data", "dataset")


def image_folder(place: Place, resize: Callable[[Tensor], Tensor], folder: str = "") -> Source:
    """The images below ``root/folder``, converted to RGB: ``N × 3 × H × W`` uint8.

    ``train/`` and ``test/`` (or ``val/``) hold one folder a class; without them the class folders stand directly
    below and the test part is split off. `resize` brings each decoded image (3 × H × W uint8) to one size; without it
    all must have the same. Hidden folders are passed over and symbolic links are not followed.
    """
    top = place.root / folder
    if not top.is_dir():
        problem = "is a file" if top.exists() else "does not exist"
        raise fail("no-such-file", f"the image folder {top} {problem}", at=AT, hint="--data DIR names another folder")
    training = top / "train" if (top / "train").is_dir() else top
    classes = _classes(training)
    test = next((top / name for name in ("test", "val") if training != top and (top / name).is_dir()), None)
    if test is not None:
        _check_same_classes(test, classes, training)
    return Source(
        _read(training, classes, resize),
        test=None if test is None else lambda: _read(test, classes, resize),
        labels={"label": classes},
    )


def _classes(folder: Path) -> tuple[str, ...]:
    entries = sorted((e for e in os.scandir(folder) if not e.name.startswith(".")), key=lambda entry: entry.name)
    _warn_of_links([entry.path for entry in entries if entry.is_symlink() and entry.is_dir()])
    names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    if len(names) < 2:
        found = f"only the class {quoted(names[0])}" if names else "no class folders"
        raise fail("bad-data", f"{folder} has {found}", at=AT, hint="put the images into one folder a class")
    return tuple(names)


def _check_same_classes(test: Path, classes: tuple[str, ...], training: Path) -> None:
    found = _classes(test)
    if found != classes:
        odd = sorted(set(found) ^ set(classes))
        raise fail("bad-data", f"{training} and {test} differ in their classes: {', '.join(map(quoted, odd))}", at=AT)


def _read(folder: Path, classes: tuple[str, ...], resize: Callable[[Tensor], Tensor]) -> Samples:
    listed = [_listing(folder / name) for name in classes]
    for name, paths in zip(classes, listed, strict=True):
        if not paths:
            raise fail("bad-data", f"the class folder {folder / name} has no images", at=AT)
    labels = torch.arange(len(classes)).repeat_interleave(torch.tensor([len(paths) for paths in listed]))
    return Samples({"image": _images([path for paths in listed for path in paths], resize)}, {"label": labels})


def _listing(top: Path) -> list[str]:
    """The images below `top` in torchvision's order; hidden files and folders are left out, links with a warning."""
    from torchvision.datasets.folder import is_image_file

    def refuse(error: OSError) -> None:
        raise fail("unreadable", f"{error.filename} cannot be read: {error.strerror}", at=AT) from error

    found: list[tuple[str, list[str]]] = []
    links: list[str] = []
    for folder, folders, files in os.walk(top, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        shown = sorted(name for name in files if not name.startswith(".") and is_image_file(name))
        linked = {name for name in [*shown, *folders] if os.path.islink(os.path.join(folder, name))}
        links += [os.path.join(folder, name) for name in sorted(linked)]
        found.append((folder, [name for name in shown if name not in linked]))
    _warn_of_links(links)
    return [os.path.join(folder, name) for folder, names in sorted(found) for name in names]


def _warn_of_links(paths: list[str]) -> None:
    if paths:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        warn("bad-data", f"symbolic links are not followed: {paths[0]}{more}", at=AT)


def _images(paths: list[str], resize: Callable[[Tensor], Tensor]) -> Any:
    """All images in one tensor, decoded in parallel; :class:`ImageFiles` where they are too many for the memory."""
    size = tuple(resize(decode(paths[0])).shape)

    def read(path: str) -> Tensor:
        image = resize(decode(path))
        if tuple(image.shape) != size:
            first, other = (" × ".join(map(str, shape[1:])) for shape in (size, image.shape))
            message = f"the images differ in size: {paths[0]} is {first}, {path} is {other}"
            hint = 'add { type = "Resize", size = [64, 64] } to transforms'
            raise fail("bad-data", message, at=("data", "transforms"), hint=hint)
        return image

    if len(paths) * math.prod(size) > memory.budget():
        return ImageFiles(tuple(paths), size, read)
    images = torch.empty(len(paths), *size, dtype=torch.uint8)
    with ThreadPoolExecutor() as pool:  # Pillow releases the GIL while it decodes
        for row, image in enumerate(pool.map(read, paths)):
            images[row] = image
    return images


def decode(path: str, mode: str = "RGB") -> Tensor:
    """The image at `path` as C × H × W uint8; palette, CMYK, alpha and 16 bits are converted to RGB (or L, grey)."""
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as file:
            image: Image.Image = file
            if image.width * image.height > LARGEST_IMAGE:
                raise fail("bad-data", f"{path} claims {image.width} × {image.height} pixels", at=AT)
            if image.mode in ("I", "F"):
                raise fail("bad-data", f"{path} has pixels of mode {image.mode}, which has no largest value", at=AT)
            if image.mode.startswith("I;16"):  # convert("RGB") would cut at 255 instead of scaling
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            return torch.from_numpy(np.atleast_3d(np.array(image.convert(mode)))).permute(2, 0, 1).contiguous()
    except (OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise fail("bad-data", f"{path} cannot be read as an image: {error}", at=AT) from error
