"""The parts of a folder of images by their folders' names, as data sets name them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from graphspec.diagnostics import fail, quoted, warn

AT = ("data", "dataset")
#: Part → what its folder may be called, whatever the case.
NAMES = {
    "train": ("train", "training", "trn", "train_set", "training_set"),
    "validation": ("val", "valid", "validation", "dev", "val_set", "validation_set"),
    "test": ("test", "testing", "tst", "test_set"),
}
#: Endings of the formats that are opened, in lower case.
ENDINGS = tuple(
    ".png .jpg .jpeg .jpe .jfif .bmp .dib .gif .webp .tif .tiff .ppm .pgm .pbm .pnm".split()
)  # fmt: skip


def is_image(name: str) -> bool:
    """Whether a file of this name is read."""
    return name.lower().endswith(ENDINGS)


def folders_of_parts(top: Path) -> dict[str, Path]:
    """The folders of ``train``, ``validation`` and ``test`` below `top`; without any of them ``train`` is `top`.

    A folder that holds images itself is a class, whatever its name. Raises ``GraphspecError`` where two folders are
    meant for one part, or a part stands without one to train on.
    """
    inside = sorted(entry.name for entry in os.scandir(top) if entry.is_dir(follow_symlinks=False))
    shown = [name for name in inside if not name.startswith(".")]
    found: dict[str, Path] = {}
    for part, names in NAMES.items():
        meant = [name for name in shown if name.lower() in names and _holds_classes(top / name)]
        if len(meant) > 1:
            raise fail("bad-data", f"{top} has more than one {part} folder: {', '.join(map(quoted, meant))}", at=AT)
        if meant:
            found[part] = top / meant[0]
    if not found:
        return {"train": top}
    if "train" not in found:
        others = ", ".join(quoted(path.name) for path in found.values())
        hint = "call the folder to train on train, or the others something else"
        raise fail("bad-data", f"{top} has {others} and no folder to train on", at=AT, hint=hint)
    odd = [name for name in shown if top / name not in found.values()]
    if odd:
        warn("bad-data", f"{top}: not read beside {quoted(found['train'].name)}: {', '.join(map(quoted, odd))}", at=AT)
    return found


def _holds_classes(folder: Path) -> bool:
    entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    images = any(is_image(entry.name) and not entry.is_dir() for entry in entries)
    return not images and any(entry.is_dir() for entry in entries)


def say_left_out(top: Path, names: Iterable[str]) -> None:
    """Say how many files below `top` were left out, by their endings."""
    endings = Counter(os.path.splitext(name)[1].lower() or "no ending" for name in names)
    if endings:
        count = sum(endings.values())
        listed = ", ".join(f"{number:,} {ending}" for ending, number in endings.most_common(8))
        files = "files are" if count > 1 else "file is"
        warn("bad-data", f"{top}: {count:,} {files} no image by the ending, and left out: {listed}", at=AT)
