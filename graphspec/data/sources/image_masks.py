"""Images with a mask each: two folders whose files are pairs by their names without the endings."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from graphspec.data.decoded import images as decoded_images
from graphspec.data.masks import MaskReader, check_pairs
from graphspec.data.masks import masks as decoded_masks
from graphspec.data.samples import Samples
from graphspec.data.sources.parts import AT, ENDINGS, is_shown, part_of, say_left_out
from graphspec.data.sources.paths import PlainText
from graphspec.data.sources.source import Place, Source
from graphspec.data.transforms import SizeTransforms
from graphspec.data.unread import missing
from graphspec.diagnostics import fail, quoted

#: Stem, with the folders above it → file.
Files = Mapping[str, str]


def image_masks(
    place: Place,
    resize: SizeTransforms,
    classes: int | Sequence[PlainText],
    images: str = "images",
    masks: str = "masks",
    values: Sequence[int] | None = None,
) -> Source:
    """The images below ``root/images`` (``N × 3 × H × W`` uint8) with the masks below ``root/masks`` (``N × H × W``).

    A mask is a PNG, BMP, GIF or TIFF file of its image's size and name (``a/b.jpg`` and ``a/b.png``), whose pixels hold
    classes: 0, 1, …, or the numbers in `values`, in this order. `classes` is how many there are, or their names.
    Both folders may have ``train``, ``validation`` and ``test`` folders, or these may have both. `resize` brings images
    to one size, and masks with them by nearest; without it all must have the same.
    """
    names = tuple(map(str, range(classes))) if isinstance(classes, int) else tuple(map(str, classes))
    if len(names) < 2 or len(set(names)) < len(names):
        raise fail("bad-value", "classes are two at least, each with its own name", at=(*AT, "classes"))
    numbers = list(range(len(names))) if values is None else list(values)
    if len(numbers) != len(names) or len(set(numbers)) < len(numbers):
        message = f"values are {len(numbers)} numbers for {len(names)} classes, one each"
        raise fail("bad-value", message, at=(*AT, "values"))
    known = {number: index for index, number in enumerate(numbers)}
    known |= {label: label for label in place.wanted.ignored if label not in known}
    parts = _parts(place.root, images, masks)
    reading = MaskReader(resize, known)

    def read(part: str) -> Samples:
        return read_pairs(_pairs(*parts[part]), resize, reading, place)

    def reader(part: str) -> Callable[[], Samples] | None:
        return functools.partial(read, part) if part in parts else None

    training = read("train")
    return Source(training, reader("test"), {"mask": names}, sized=True, validation=reader("validation"))


def _parts(root: Path, images: str, masks: str) -> dict[str, tuple[Path, Path]]:
    """The folders of images and of masks, by part."""
    if not (root / images).is_dir():  # parts that have both folders
        shown = [entry for entry in _folders(root) if part_of(entry.name) and (root / entry.name / images).is_dir()]
        found = {str(part_of(e.name)): (root / e.name / images, root / e.name / masks) for e in shown}
        if len(found) < len(shown):
            raise fail("bad-data", f"{root} has a part twice: {', '.join(e.name for e in shown)}", at=AT)
    else:
        named = {str(part_of(entry.name)): entry.name for entry in _folders(root / images) if part_of(entry.name)}
        found = {part: (root / images / name, root / masks / name) for part, name in named.items()}
        found = found or {"train": (root / images, root / masks)}
    if "train" not in found:
        what = f"has {', '.join(map(quoted, found))} and nothing to train on" if found else f"has no {quoted(images)}"
        raise fail("no-such-file", f"{root} {what}", at=(*AT, "images"), hint="--data DIR names another folder")
    for pair in found.values():
        for folder in pair:
            if not folder.is_dir():
                raise missing(folder, AT)
    return found


def _folders(top: Path) -> list[os.DirEntry[str]]:
    if not top.is_dir():
        raise fail("no-such-file", f"{top} is no folder", at=AT, hint="--data DIR names another folder")
    return [entry for entry in os.scandir(top) if entry.is_dir(follow_symlinks=False) and is_shown(entry)]


def read_pairs(pairs: Sequence[tuple[str, str]], resize: SizeTransforms, read: MaskReader, place: Place) -> Samples:
    """The image and the mask at each pair of paths: decoded, or left on disk where memory is too small for them."""
    check_pairs(pairs)
    pictures, labels = zip(*pairs, strict=True)
    return Samples({"image": decoded_images(pictures, resize, place.cache)}, {"mask": decoded_masks(labels, read)})


def _pairs(images: Path, masks: Path) -> list[tuple[str, str]]:
    one, other = _files(images), _files(masks)
    _check_partners(one, masks, other)
    _check_partners(other, images, one)
    if not one:
        raise fail("no-data", f"{images} has no images", at=AT)
    return [(one[stem], other[stem]) for stem in sorted(one)]


def _check_partners(files: Files, other: Path, partners: Files) -> None:
    found = sorted(files.keys() - partners.keys())
    if found:
        more = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
        message = f"{files[found[0]]}{more} has no partner of its name in {other}"
        raise fail("bad-data", message, at=AT, hint="an image and its mask have one name, but for the ending")


def _files(top: Path) -> Files:
    """The image files below `top` by their path without the ending; hidden ones and links are passed over."""
    found: dict[str, str] = {}
    left_out: list[str] = []
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in names if not name.startswith(".")):
            path = os.path.join(folder, name)
            if os.path.islink(path) or not name.lower().endswith(ENDINGS):
                left_out.append(name)
                continue
            stem = os.path.splitext(os.path.relpath(path, top))[0]
            if stem in found:
                raise fail("bad-data", f"{found[stem]} and {path} have one name but for the ending", at=AT)
            found[stem] = path
    say_left_out(top, left_out)
    return found
