"""What the files of a data set hold: a hash of each, so that a run can say which data it saw, and anybody can check it.

A hash of the samples says whether two runs train alike; it needs graphspec and torch. These need ``sha256sum``.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from graphspec.data.streamed import file_hash

#: Files that are listed by name; of more there is one hash for all.
MOST_LISTED = 1_000
#: Bytes that are read to be hashed (some ten seconds); of more the names and sizes stand for the contents.
MOST_BYTES = 1 << 33


def files_of(places: Iterable[Path], root: Path) -> dict[str, Any] | None:
    """What lies at `places`, files or folders below `root`; None where nothing does: the data are no files.

    ``files`` are names from `root` on with the sha256 of what each holds, where they are 1,000 at most; ``sha256`` is
    that of ``NAME␀HASH␊`` for each in the order of names. ``of`` is ``"contents"``, or ``"sizes"``, where hashing
    would read more than 8 GiB: sizes in bytes then stand for hashes.

    Raises:
        GraphspecError: ``unreadable``.
    """
    found = {_name(path, root): path for path in sorted(_regular(places))}
    if not found:
        return None
    sizes = {name: os.stat(path).st_size for name, path in found.items()}
    read = sum(sizes.values()) <= MOST_BYTES
    said = {name: _hash(path) if read else str(sizes[name]) for name, path in sorted(found.items())}
    together = hashlib.sha256()
    for name, content in said.items():
        together.update(f"{name}\0{content}\n".encode("utf-8", "surrogateescape"))
    noted: dict[str, Any] = {"count": len(said), "bytes": sum(sizes.values()), "of": "contents" if read else "sizes"}
    noted["sha256"] = together.hexdigest()
    return noted | ({"files": said} if read and len(said) <= MOST_LISTED else {})


def _regular(places: Iterable[Path]) -> Iterator[Path]:
    """The regular files at and below `places`; hidden ones and symbolic links below are passed over, as readers do."""
    for place in dict.fromkeys(places):
        if place.is_file():
            yield place
        for folder, folders, names in os.walk(place):
            folders[:] = [name for name in folders if not name.startswith(".")]
            paths = (Path(folder, name) for name in names if not name.startswith("."))
            yield from (path for path in paths if path.is_file() and not path.is_symlink())


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _hash(path: Path) -> str:
    status = os.stat(path)
    return _hashed(str(path), status.st_size, status.st_mtime_ns)


@functools.cache
def _hashed(path: str, size: int, changed: int) -> str:
    """The file's sha256, read once for all trials and folds of a process as long as it is not changed."""
    return file_hash(path).hex()
