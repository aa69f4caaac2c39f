"""torchvision's ImageFolder layout: ``root/train/CLASS/…`` and ``root/test/CLASS/…``, decoded once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch

from graphspec.data.decoded import images
from graphspec.data.samples import Samples
from graphspec.data.sources.parts import AT, folders_of_parts, is_image, is_shown, say_left_out
from graphspec.data.sources.source import Place, Source
from graphspec.data.transforms import SizeTransforms
from graphspec.data.unread import missing, unreadable
from graphspec.diagnostics import fail, quoted, warn


def image_folder(place: Place, resize: SizeTransforms, folder: str = "") -> Source:
    """The images below ``root/folder``, converted to RGB: ``N × 3 × H × W`` uint8, turned as their EXIF tag says.

    ``train/`` holds one folder a class, and so do ``validation/`` (``val``, ``valid``) and ``test/``, where they are
    there; without ``train/`` the class folders stand directly below. Parts that are not there are split off. `resize`
    brings each decoded image (3 × H × W uint8) to one size; without it all must have the same. Hidden folders are
    passed over and symbolic links are not followed.
    """
    top = place.root / folder
    if not top.is_dir():
        if not top.exists():
            raise missing(top, AT)
        raise fail("no-such-file", f"the image folder {top} is a file", at=AT, hint="--data DIR names another folder")
    parts = folders_of_parts(top)
    classes = _classes(parts["train"])

    def reader(part: str) -> Callable[[], Samples] | None:
        if part not in parts:
            return None
        _check_same_classes(parts[part], classes, parts["train"])
        return lambda: read(parts[part])

    def read(part: Path) -> Samples:
        paths, labels = _listed(part, classes)
        return Samples({"image": images(paths, resize, place.cache)}, {"label": torch.tensor(labels)})

    validation, test = reader("validation"), reader("test")
    return Source(read(parts["train"]), test, {"label": classes}, sized=True, validation=validation)


def _classes(folder: Path) -> tuple[str, ...]:
    entries = sorted((e for e in os.scandir(folder) if is_shown(e)), key=lambda entry: entry.name)
    _warn_of_links([entry.path for entry in entries if entry.is_symlink() and entry.is_dir()])
    say_left_out(folder, [entry.name for entry in entries if entry.is_file(follow_symlinks=False)])
    names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    if len(names) < 2:
        found = f"only the class {quoted(names[0])}" if names else "no class folders"
        raise fail("bad-data", f"{folder} has {found}", at=AT, hint="put the images into one folder a class")
    return tuple(names)


def _check_same_classes(part: Path, classes: tuple[str, ...], training: Path) -> None:
    found = _classes(part)
    if found != classes:
        odd = sorted(set(found) ^ set(classes))
        raise fail("bad-data", f"{training} and {part} differ in their classes: {', '.join(map(quoted, odd))}", at=AT)


def _listed(folder: Path, classes: tuple[str, ...]) -> tuple[list[str], list[int]]:
    """The image files of every class, and the class of each; what is left out is said."""
    left_out: list[str] = []
    listed = [_listing(folder / name, left_out) for name in classes]
    say_left_out(folder, left_out)
    for name, paths in zip(classes, listed, strict=True):
        if not paths:
            raise fail("bad-data", f"the class folder {folder / name} has no images", at=AT)
    labels = [label for label, paths in enumerate(listed) for _ in paths]
    return [path for paths in listed for path in paths], labels


def _listing(top: Path, left_out: list[str]) -> list[str]:
    """The images below `top` in torchvision's order; hidden files and folders are passed over, links with a warning.

    The names of other files are added to those `left_out`.
    """

    def refuse(error: OSError) -> None:
        raise unreadable(error.filename, error) from error

    found: list[tuple[str, list[str]]] = []
    links: list[str] = []
    for folder, folders, files in os.walk(top, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        shown = sorted(name for name in files if not name.startswith("."))
        linked = {name for name in [*shown, *folders] if os.path.islink(os.path.join(folder, name))}
        links += [os.path.join(folder, name) for name in sorted(linked)]
        left_out += [name for name in shown if name not in linked and not is_image(name)]
        found.append((folder, [name for name in shown if name not in linked and is_image(name)]))
    _warn_of_links(links)
    return [os.path.join(folder, name) for folder, names in sorted(found) for name in names]


def _warn_of_links(paths: list[str]) -> None:
    if paths:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        warn("bad-data", f"symbolic links are not followed: {paths[0]}{more}", at=AT)
