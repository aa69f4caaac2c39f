"""Opening files that somebody else made: regular ones only, so that a FIFO or a device is refused, never waited for.

A library that wants a path is given one that :func:`require_regular` has seen; one that takes a file is given
:func:`open_regular`'s.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from pathlib import Path

#: Bytes of a JSON file of ours: an evaluation has a row for each pair of classes, a checkpoint one for each epoch.
MOST_JSON = 1 << 28
_KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFLNK: "a symbolic link",
    stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip


def open_regular(path: str | os.PathLike[str], *, most: int | None = None, links: bool = True) -> io.BufferedReader:
    """The regular file at `path`, open for reading, of `most` bytes at most; symbolic links are followed with `links`.

    Raises ``OSError``, whose ``strerror`` says what is wrong: also where the file is no regular one (``EINVAL``), or
    a symbolic link without `links`, or larger (``EFBIG``).
    """
    # O_NONBLOCK: a FIFO is opened without waiting for its writer
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    _check(path, os.stat(path) if links else os.lstat(path), most)  # opening a device alone can do something
    descriptor = os.open(path, flags if links else flags | getattr(os, "O_NOFOLLOW", 0))
    try:
        _check(path, os.fstat(descriptor), most)
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: str | os.PathLike[str], *, most: int, links: bool = True) -> bytes:
    """The content of the regular file at `path`; ``OSError`` as of :func:`open_regular`."""
    with open_regular(path, most=most, links=links) as file:
        content = file.read(most + 1)  # it may have grown
    if len(content) > most:
        raise _too_large(path, len(content), most)
    return content


def sha256(path: str | os.PathLike[str]) -> str:
    """The sha256 of the regular file at `path` in hex, read in pieces; ``OSError`` as of :func:`open_regular`."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_regular(path: str | os.PathLike[str], *, most: int | None = None, links: bool = True) -> Path:
    """`path`, where a regular file is there; ``OSError`` as of :func:`open_regular`."""
    _check(path, os.stat(path) if links else os.lstat(path), most)
    return Path(path)


def is_inside(path: str | os.PathLike[str]) -> bool:
    """Whether `path`, its symbolic links followed, is in the working directory; one that is no path is not."""
    try:
        return Path(path).resolve().is_relative_to(Path.cwd())
    except (OSError, ValueError, RuntimeError):  # too long, a null character, links in a circle
        return False


def _check(path: str | os.PathLike[str], status: os.stat_result, most: int | None) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        code = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
        raise OSError(code, f"it is {kind}, not a regular file", os.fspath(path))
    if most is not None and status.st_size > most:
        raise _too_large(path, status.st_size, most)


def _too_large(path: str | os.PathLike[str], size: int, most: int) -> OSError:
    return OSError(errno.EFBIG, f"it has {size:,} bytes, at most {most:,} are read", os.fspath(path))
