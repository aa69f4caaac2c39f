"""The parts of a folder of images by their folders' names, as data sets name them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from graphspec.diagnostics import fail, quoted, warn

AT = ("data", "dataset")
#: Part → the words for it in a folder's name, whatever the case.
NAMES = {
    "train": ("train", "training", "trn"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "tst"),
}
#: Words that may stand beside them: seg_train, test_images, val2017.
_BESIDE = frozenset(
    "set sets data dataset images image imgs img photos pictures pics split part seg new resized jpg png".split()
)
#: Folders that systems and programs leave behind.
_LEFT_BEHIND = frozenset(("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"))
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
    meant for one part, a part stands without one to train on, or nothing but parts without classes is there.
    """
    shown = sorted(entry.name for entry in os.scandir(top) if entry.is_dir(follow_symlinks=False) and is_shown(entry))
    named = {name: part_of(name) for name in shown}
    found: dict[str, Path] = {}
    for part in NAMES:
        meant = [name for name in shown if named[name] == part and _holds_classes(top / name)]
        if len(meant) > 1:
            raise fail("bad-data", f"{top} has more than one {part} folder: {', '.join(map(quoted, meant))}", at=AT)
        if meant:
            found[part] = _innermost(top / meant[0])
    if not found:
        if shown and None not in named.values() and len(set(named.values())) > 1:
            listed = ", ".join(map(quoted, shown))
            raise fail("bad-data", f"{top}: {listed} hold no folder a class", AT, "put each class's images into one")
        return {"train": top}
    if "train" not in found:
        others = ", ".join(quoted(path.name) for path in found.values())
        hint = "call the folder to train on train, or the others something else"
        raise fail("bad-data", f"{top} has {others} and no folder to train on", at=AT, hint=hint)
    odd = [name for name in shown if not any(path.is_relative_to(top / name) for path in found.values())]
    if odd:
        warn("bad-data", f"{top}: not read beside {quoted(found['train'].name)}: {', '.join(map(quoted, odd))}", at=AT)
    return found


def is_shown(entry: os.DirEntry[str]) -> bool:
    """Whether a file or folder is one of the user's: neither hidden nor left behind by a program."""
    return not entry.name.startswith(".") and entry.name.lower() not in _LEFT_BEHIND


def part_of(name: str) -> str | None:
    """The part that a folder's name says it holds; None where it says anything else."""
    words = re.findall(r"[a-z]+|[^\W\d_]+", name.lower())
    found = [part for part, known in NAMES.items() for word in words if word in known]
    others = [word for word in words if word not in _BESIDE and not any(word in known for known in NAMES.values())]
    return found[0] if len(found) == 1 and not others else None


def _holds_classes(folder: Path) -> bool:
    entries = [entry for entry in os.scandir(folder) if is_shown(entry)]
    images = sorted(entry.name for entry in entries if is_image(entry.name) and not entry.is_dir())
    folders = sorted(entry.name for entry in entries if entry.is_dir())
    if images and folders:
        message = f"{folder} holds images ({quoted(images[0])}) and folders ({quoted(folders[0])})"
        raise fail("bad-data", message, at=AT, hint="each image stands in the folder of its class")
    return bool(folders)


def _innermost(folder: Path) -> Path:
    """`folder`, or the only folder in it where that is another of the same name, as archives are unpacked."""
    inside = [entry for entry in os.scandir(folder) if is_shown(entry)]
    same = len(inside) == 1 and inside[0].name == folder.name and inside[0].is_dir(follow_symlinks=False)
    return _innermost(folder / folder.name) if same else folder


def say_left_out(top: Path, names: Iterable[str]) -> None:
    """Say how many files below `top` were left out, by their endings."""
    endings = Counter(os.path.splitext(name)[1].lower() or "no ending" for name in names)
    if endings:
        count = sum(endings.values())
        listed = ", ".join(f"{number:,} {ending}" for ending, number in endings.most_common(8))
        files = "files are" if count > 1 else "file is"
        warn("bad-data", f"{top}: {count:,} {files} no image by the ending, and left out: {listed}", at=AT)
