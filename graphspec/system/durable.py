"""Every durable write of the package: a file or a folder appears whole, or what was there stays.

All of it goes through the steps of :class:`Disk`, one system call each, so that tests can make any one of them fail.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import shutil
import sys
from pathlib import Path

from graphspec.diagnostics import GraphspecError, fail

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # linux/fs.h
_RENAME_SWAP = 2  # sys/stdio.h of macOS
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)
_TEMPORARY = re.compile(r"\..+\.\d+\.tmp", re.S)


class Disk:
    """The system calls that change a disk or wait for it, one a method. Each raises ``OSError``."""

    def create(self, path: Path) -> int:
        """A descriptor of an empty file at `path`; a symbolic link is not followed."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)

    def write(self, descriptor: int, content: memoryview) -> int:
        """Write as much of `content` as the system takes at once; gives how much that was."""
        return os.write(descriptor, content)

    def flush(self, descriptor: int) -> None:
        """Wait until the file, or the entries of the folder, are on the disk."""
        os.fsync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Give `source` the name `target`, in place of what has it."""
        os.replace(source, target)

    def exchange(self, one: Path, other: Path) -> bool:
        """Exchange two names in one system call; False where the system, or the file system, has none."""
        library = ctypes.CDLL(None, use_errno=True)
        paths = os.fsencode(one), os.fsencode(other)
        if sys.platform == "linux" and hasattr(library, "renameat2"):
            failed = library.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE)
        elif sys.platform == "darwin" and hasattr(library, "renamex_np"):
            failed = library.renamex_np(*paths, _RENAME_SWAP)
        else:
            return False
        code = ctypes.get_errno() if failed else 0
        if code in _UNSUPPORTED:
            return False
        if code:
            raise OSError(code, os.strerror(code), str(other))
        return True

    def link(self, source: Path, target: Path) -> None:
        """A second name for a file (of a symbolic link: for the link)."""
        os.link(source, target, follow_symlinks=False)

    def chmod(self, path: Path, mode: int) -> None:
        """Set the permissions of `path`."""
        path.chmod(mode)

    def make_folder(self, path: Path) -> None:
        """A new folder; one that is there already will do."""
        path.mkdir(exist_ok=True)

    def unlink(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def lock(self, descriptor: int, wait: bool = False) -> None:
        """Lock a file or folder for as long as `descriptor` is open.

        Where another has it: wait for it, or raise ``BlockingIOError``.
        """
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    def unlock(self, descriptor: int) -> None:
        """Give up a lock, also where a forked process has not closed its own `descriptor` yet."""
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_UN)


#: The disk that everything is written to; tests put another in its place.
disk = Disk()


def write_atomically(path: Path, content: bytes) -> None:
    """Put `content` at `path`; a reader sees the old file or the new one, also after a power cut.

    Raises ``GraphspecError`` (``unwritable``) where the disk is full or may not be written; the old file then stays.
    """
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"  # as remove_leftovers knows them
    try:
        try:
            _write(temporary, content)
            disk.rename(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):  # what went wrong first is what is said
                disk.unlink(temporary)
            raise
        sync(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> GraphspecError:
    """The error to raise where `path` cannot be written, or removed."""
    return fail("unwritable", f'"{path}" cannot be written: {error.strerror or error}', hint=remedy(error))


def remedy(error: OSError) -> str:
    """What to do about `error`: something where the file system itself lacks what a safe write needs."""
    lacking = error.errno in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)
    return "its file system lacks what a safe write needs; take a folder on a local disk" if lacking else ""


def _write(path: Path, content: bytes) -> None:
    descriptor = disk.create(path)
    try:
        left = memoryview(content)
        while left:
            left = left[disk.write(descriptor, left) :]
        disk.flush(descriptor)
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Bring a file, or the entries of a folder, to the disk; a folder as well as its file system can."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        disk.flush(descriptor)
    except OSError as error:
        if not path.is_dir() or error.errno not in (*_UNSUPPORTED, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def make_folders(path: Path) -> None:
    """Make the folder `path` and what is missing on the way to it, so that they outlast a power cut."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        disk.make_folder(folder)
        sync(folder.parent)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def remove(path: Path) -> None:
    """Remove a file, if it is there. Raises ``GraphspecError`` (``unwritable``) where that is refused."""
    try:
        disk.unlink(path)
    except OSError as error:
        raise unwritable(path, error) from error


def remove_leftovers(folder: Path) -> None:
    """Remove what :func:`write_atomically` left in `folder` when a process was killed. The caller holds its lock."""
    for path in folder.glob(".*.tmp"):
        if is_leftover(path):
            remove(path)


def is_leftover(path: Path) -> bool:
    """Whether `path` is a file that :func:`write_atomically` was writing when its process was killed."""
    return _TEMPORARY.fullmatch(path.name) is not None and path.is_file()


def replace_folder(folder: Path, target: Path) -> None:
    """Give `folder` the name `target`. The folder that had it, if any, then has the name `folder`.

    Where nothing can exchange two names at once, the old folder is renamed away first, to :func:`old_name`.
    """
    if not target.is_dir():
        try:
            disk.rename(folder, target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return
    if disk.exchange(folder, target):
        return
    old = old_name(target)
    disk.rename(target, old)
    try:
        disk.rename(folder, target)
    except OSError:
        disk.rename(old, target)
        raise
    with contextlib.suppress(OSError):  # it is published; what is left is removed by the next one
        disk.rename(old, folder)


def old_name(target: Path) -> Path:
    """Where :func:`replace_folder` keeps the old folder for a moment."""
    whole = Path(os.path.abspath(target))  # "." has no name
    return whole.parent / f".{whole.name}.old"


def remove_folder(folder: Path) -> None:
    """Remove `folder` with what is in it, as far as that is allowed."""
    shutil.rmtree(folder, ignore_errors=True)
