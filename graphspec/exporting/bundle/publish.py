"""Put a finished export where it belongs, all of it or none: a reader sees the old set or the new one, never a mixture.

The new folder is complete and on disk before it takes the target's name in one system call. Where the file system has
none for that, the old folder is renamed away first: a process killed between the two renames leaves the old set under
``.NAME.old``, and the next publication puts it back.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from graphspec.diagnostics import GraphspecError, fail
from graphspec.exporting.bundle import manifest as manifests
from graphspec.exporting.bundle import signature
from graphspec.exporting.bundle.bundle import Bundle
from graphspec.system import durable

_STAGING = ".{name}.new-"
#: What the disk itself answers to a write.
_OF_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG)

#: What file systems without permissions answer to a change of them.
_NO_PERMISSIONS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)


@contextlib.contextmanager
def staging(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`, on the same file system, gone when the context ends.

    What a killed process left behind there is removed first. The target is examined before any work is done for it.

    Raises:
        GraphspecError: what :func:`publish` would raise, ``unwritable`` where the folder cannot be made.
    """
    check_target(target)
    try:
        durable.make_folders(target.parent)
        _recover(target)
        folder, lock = _own_folder(target)
    except OSError as error:
        message = f'cannot write beside "{target}": {error.strerror}'
        raise fail("unwritable", message, hint=durable.remedy(error)) from error
    try:
        yield folder
    except GraphspecError:
        raise
    except Exception as error:
        if cause := _refusal_of_disk(error):
            raise fail("unwritable", f'cannot write beside "{target}": {cause}') from error
        raise
    finally:
        durable.remove_folder(folder)
        os.close(lock)


def publish(folder: Path, target: Path, sign: Callable[[Path], None] | None = None) -> None:
    """Give the bundle in `folder` the name `target`, in place of the bundle that is there.

    Files of other makers in the target are kept: they are linked into the new set before it takes the name. `sign`
    is given the folder once it holds everything.

    Raises:
        GraphspecError: ``exists`` where the target is a symbolic link, is not a bundle of ours, or holds a foreign
            entry that cannot be kept; ``unwritable`` where the file system refuses. The target is as it was.
    """
    check_target(target)
    try:
        _keep_foreign(folder, target)
        if sign is not None:
            sign(folder)
        _settle(folder)
        durable.replace_folder(folder, target)
        durable.sync(target.parent)
    except OSError as error:
        raise fail("unwritable", f'cannot publish "{target}": {error.strerror}', hint=durable.remedy(error)) from error


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
    return {*bundle.manifest["files"], manifests.NAME, signature.NAME}


def _foreign(folder: Path, own: set[str]) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.name not in own)


def _keep_foreign(folder: Path, target: Path) -> None:
    if not target.is_dir():
        return
    for entry in _foreign(target, _own_files(target) or set()):
        if (folder / entry.name).exists():
            message = f'"{entry}" is not a file of the old export, and the new one has a file of that name'
            raise fail("exists", message, hint="move it away")
        durable.disk.link(entry, folder / entry.name)


def _settle(folder: Path) -> None:
    """Give every file the permissions that the user's umask asks for, and bring everything to the disk.

    A file system that has no permissions, such as FAT, keeps its own.
    """
    mask = os.umask(0)
    os.umask(mask)
    for path in folder.iterdir():
        if path.is_file() and not path.is_symlink() and path.stat().st_nlink == 1:
            _allow(path, 0o666 & ~mask)
            durable.sync(path)
    _allow(folder, 0o777 & ~mask)
    durable.sync(folder)


def _allow(path: Path, mode: int) -> None:
    try:
        durable.disk.chmod(path, mode)
    except OSError as error:
        if error.errno not in _NO_PERMISSIONS:
            raise


def _own_folder(target: Path) -> tuple[Path, int]:
    """A new folder beside `target`, and the descriptor that holds its lock for as long as this process lives."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_STAGING.format(name=target.name), dir=target.parent))
        # until it is locked, another export may take it for a dead one's and remove it
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            with _closed_on_error(lock):
                _lock(lock)
                if folder.is_dir():
                    return folder, lock
                raise FileNotFoundError(folder)


def _lock(descriptor: int) -> bool:
    """Lock an open folder; False where its file system has no locks. Raises ``BlockingIOError`` where it is taken."""
    try:
        durable.disk.lock(descriptor)
    except BlockingIOError:
        raise
    except OSError:  # such as NFS without its lock daemon
        return False
    return True


@contextlib.contextmanager
def _closed_on_error(descriptor: int) -> Iterator[None]:
    try:
        yield
    except BaseException:
        os.close(descriptor)
        raise


def _recover(target: Path) -> None:
    """Put back an old set that a killed process had renamed away, and remove the staging folders of dead processes.

    Where there are no locks, the dead cannot be told from the living, and their folders stay.
    """
    old = durable.old_name(target)
    if old.is_dir() and target.exists():
        durable.remove_folder(old)
    elif old.is_dir():
        durable.disk.rename(old, target)
    for left in target.parent.glob(glob.escape(_STAGING.format(name=target.name)) + "*"):
        if left.is_symlink() or not left.is_dir():
            continue
        with contextlib.suppress(BlockingIOError, FileNotFoundError):  # its process lives, or has just ended
            descriptor = os.open(left, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _lock(descriptor):
                    durable.remove_folder(left)
            finally:
                os.close(descriptor)


def _refusal_of_disk(error: BaseException | None) -> str:
    """What the disk says, where `error` comes of that: libraries hand the system's words on, each in its own way."""
    while error is not None:
        text = "" if isinstance(error, OSError) and error.errno not in _OF_DISK else str(error)
        if found := next((words for words in map(os.strerror, _OF_DISK) if words in text), ""):
            return found
        error = error.__cause__ or error.__context__
    return ""
