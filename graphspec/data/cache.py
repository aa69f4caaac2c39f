"""Decoded images kept between runs, in a folder that the user names with ``--cache DIR``.

An entry is two files: ``KEY.images``, raw uint8, and ``KEY.json``, written last, with their shape and sha256. KEY is a
hash over the contents of the image files in order, the size transforms, and the versions of what decodes and resizes,
so that an entry is never stale; entries may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphspec.data.streamed import file_hash
from graphspec.data.workers import in_parallel
from graphspec.diagnostics import warn
from graphspec.system import durable
from graphspec.system.lock import locked
from graphspec.system.regular_file import open_regular, read_regular

_FORMAT = 2
_MOST_NOTE = 1 << 16
_AT = ("data", "dataset")


def key(paths: Sequence[str], transforms: Sequence[dict[str, Any]]) -> str:
    """What decides the decoded pixels, as 64 hex digits."""
    versions = {package: metadata.version(package) for package in ("pillow", "torch", "torchvision")}
    digest = hashlib.sha256(json.dumps([_FORMAT, versions, transforms], sort_keys=True).encode())
    for content in in_parallel(lambda row: file_hash(paths[row]), len(paths), "looking for changed images"):
        digest.update(content)
    return digest.hexdigest()


def fetch(cache: Path, key: str, shape: tuple[int, ...], decode: Callable[[Tensor], None]) -> tuple[Tensor, str]:
    """The images of `key`, mapped into memory, and their sha256; `decode` makes them where they are missing.

    It fills an empty uint8 tensor of `shape`. An entry that is damaged is made again, with a warning; of several
    processes one makes it. Raises ``GraphspecError`` where the folder cannot be written.
    """
    target = cache / f"{key}.images"
    try:
        durable.make_folders(cache)
        with locked(cache / f"{key}.lock"):
            content = _stored(target, shape)
            if content is None:
                content = _make(target, shape, decode)
            return _mapped(target, shape, shared=False), content
    except OSError as error:
        raise durable.unwritable(target, error) from error


def _stored(target: Path, shape: tuple[int, ...]) -> str | None:
    """The sha256 of an entry that is whole; None where there is none."""
    try:
        note = json.loads(read_regular(target.with_suffix(".json"), most=_MOST_NOTE, links=False))
        with open_regular(target, links=False) as file:
            whole = note == _note(shape, hashlib.file_digest(file, "sha256").hexdigest())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        whole = False
    if not whole:
        warn("bad-data", f"{target} is damaged: its images are decoded again", at=_AT)
        return None
    return str(note["sha256"])


def _make(target: Path, shape: tuple[int, ...], decode: Callable[[Tensor], None]) -> str:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    for leftover in target.parent.glob(f".{target.name}.*.tmp"):  # of a process that was killed: the lock is ours
        durable.disk.unlink(leftover)
    try:
        os.close(durable.disk.create(temporary))
        with open(temporary, "r+b") as file:
            _allocate(file.fileno(), math.prod(shape))
        decode(_mapped(temporary, shape, shared=True))
        durable.sync(temporary)
        with open(temporary, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        durable.disk.rename(temporary, target)
    finally:
        durable.disk.unlink(temporary)
    durable.write_atomically(target.with_suffix(".json"), json.dumps(_note(shape, content)).encode())
    return content


def _allocate(descriptor: int, size: int) -> None:
    """Make the file so large; where the system can, a full disk is said now and not by a signal later."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.truncate(descriptor, size)


def _note(shape: tuple[int, ...], content: str) -> dict[str, Any]:
    return {"shape": list(shape), "sha256": content}


def _mapped(path: Path, shape: tuple[int, ...], shared: bool) -> Tensor:
    """The file as a uint8 tensor; what is written to it goes to the file only where it is `shared`."""
    return torch.from_file(str(path), shared=shared, size=math.prod(shape), dtype=torch.uint8).view(shape)
