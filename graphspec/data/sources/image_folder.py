"""torchvision's ImageFolder layout: ``root/train/CLASS/…`` and ``root/test/CLASS/…``, decoded once."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from graphspec.data.decoded import images
from graphspec.data.samples import Samples
from graphspec.data.sources.source import Place, Source
from graphspec.data.transforms import SizeTransforms
from graphspec.diagnostics import fail, quoted, warn

AT = ("data", "dataset")


def image_folder(place: Place, resize: SizeTransforms, folder: str = "") -> Source:
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

    def read(part: Path) -> Samples:
        paths, labels = _listed(part, classes)
        return Samples({"image": images(paths, resize, place.cache)}, {"label": torch.tensor(labels)})

    return Source(read(training), None if test is None else lambda: read(test), {"label": classes}, sized=True)


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


def _listed(folder: Path, classes: tuple[str, ...]) -> tuple[list[str], list[int]]:
    """The image files of every class, and the class of each."""
    listed = [_listing(folder / name) for name in classes]
    for name, paths in zip(classes, listed, strict=True):
        if not paths:
            raise fail("bad-data", f"the class folder {folder / name} has no images", at=AT)
    labels = [label for label, paths in enumerate(listed) for _ in paths]
    return [path for paths in listed for path in paths], labels


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
