"""Put a finished export where it belongs, all of it or none: a reader sees the old set or the new one, never a mixture.

The new folder is complete and on disk before it takes the target's name in one system call: ``renameat2`` with
``RENAME_EXCHANGE`` on Linux, ``renamex_np`` with ``RENAME_SWAP`` on macOS. Where the file system has neither, the old
folder is renamed away first: a process killed between the two renames leaves the old set under ``.NAME.old``, and the
next publication puts it back.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from graphspec.diagnostics import fail
from graphspec.exporting import manifest as manifests
from graphspec.exporting.bundle import Bundle

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # linux/fs.h
_RENAME_SWAP = 2  # sys/stdio.h of macOS
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)
_STAGING = ".{name}.new-"


@contextlib.contextmanager
def staging(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`, on the same file system, gone when the context ends.

    What a killed process left behind there is removed first. The target is examined before any work is done for it.

    Raises:
        GraphspecError: what :func:`publish` would raise, ``unwritable`` where the folder cannot be made.
    """
    check_target(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _recover(target)
        folder = Path(tempfile.mkdtemp(prefix=_STAGING.format(name=target.name), dir=target.parent))
    except OSError as error:
        raise fail("unwritable", f'cannot write beside "{target}": {error.strerror}') from error
    lock = _lock(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def publish(folder: Path, target: Path) -> None:
    """Give the bundle in `folder` the name `target`, in place of the bundle that is there.

    Files of other makers in the target are kept: they are linked into the new set before it takes the name.

    Raises:
        GraphspecError: ``exists`` where the target is a symbolic link, is not a bundle of ours, or holds a foreign
            entry that cannot be kept; ``unwritable`` where the file system refuses. The target is as it was.
    """
    check_target(target)
    try:
        _keep_foreign(folder, target)
        _settle(folder)
        if target.is_dir():
            _exchange(folder, target)
        else:
            folder.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise fail("unwritable", f'cannot publish "{target}": {error.strerror}') from error


def check_target(target: Path) -> None:
    """Refuse a target that is not ours to replace.

    Raises:
        GraphspecError: ``exists``; see :func:`publish`.
    """
    for path in (target, *_parents_inside_working_directory(target)):
        if path.is_symlink():
            raise fail("exists", f'"{path}" is a symbolic link; an export is not written through one')
    if not target.exists():
        return
    if not target.is_dir():
        raise fail("exists", f'"{target}" is a file, not an export', hint="choose another folder with -o")
    own = _own_files(target)
    if own is None and any(target.iterdir()):
        raise fail("exists", f'"{target}" holds files that are no export', hint="choose another folder with -o")
    for entry in _foreign(target, own or set()):
        if entry.is_dir() and not entry.is_symlink():
            message = f'"{target}" holds a folder that graphspec did not write: "{entry.name}"'
            raise fail("exists", message, hint="move it, or choose another folder with -o")


def _parents_inside_working_directory(target: Path) -> list[Path]:
    """The folders on the way from the working directory to `target`: what a checkout might bring along."""
    here = Path.cwd()
    absolute = here / target
    return [parent for parent in absolute.parents if parent != here and here in parent.parents]


def _own_files(folder: Path) -> set[str] | None:
    """The files that the manifest of `folder` says are ours, None where there is no manifest of ours."""
    path = folder / manifests.NAME
    if path.is_symlink() or not path.is_file():
        return None
    try:
        bundle = Bundle.open(folder)
    except Exception:  # whatever is wrong with it, it is not a manifest that we wrote
        return None
    return {*bundle.manifest["files"], manifests.NAME}


def _foreign(folder: Path, own: set[str]) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.name not in own)


def _keep_foreign(folder: Path, target: Path) -> None:
    if not target.is_dir():
        return
    for entry in _foreign(target, _own_files(target) or set()):
        if (folder / entry.name).exists():
            message = f'"{entry}" is not a file of the old export, and the new one has a file of that name'
            raise fail("exists", message, hint="move it away")
        os.link(entry, folder / entry.name, follow_symlinks=False)


def _settle(folder: Path) -> None:
    """Give every file the permissions that the user's umask asks for, and bring everything to the disk."""
    mask = os.umask(0)
    os.umask(mask)
    for path in folder.iterdir():
        if path.is_file() and not path.is_symlink() and path.stat().st_nlink == 1:
            path.chmod(0o666 & ~mask)
            _sync(path)
    folder.chmod(0o777 & ~mask)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(folder: Path, target: Path) -> None:
    """Swap the two folders; afterwards `folder` holds the old set."""
    if _swap(folder, target):
        return
    old = target.with_name(f".{target.name}.old")
    target.rename(old)
    folder.rename(target)
    old.rename(folder)


def _swap(one: Path, other: Path) -> bool:
    """Exchange two paths in one system call; False where the system has none."""
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


def _lock(folder: Path) -> int:
    """An open descriptor of `folder` that holds a lock on it for as long as this process lives."""
    descriptor = os.open(folder, os.O_RDONLY)
    if os.name == "posix":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _recover(target: Path) -> None:
    """Put back an old set that a killed process had renamed away, and remove the staging folders of dead processes."""
    old = target.with_name(f".{target.name}.old")
    if old.is_dir() and target.exists():
        shutil.rmtree(old)
    elif old.is_dir():
        old.rename(target)
    for left in target.parent.glob(_STAGING.format(name=target.name) + "*"):
        if left.is_symlink() or not left.is_dir():
            continue
        with contextlib.suppress(BlockingIOError):  # its process is alive
            descriptor = _lock(left)
            shutil.rmtree(left, ignore_errors=True)
            os.close(descriptor)
