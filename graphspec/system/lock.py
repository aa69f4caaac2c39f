"""The one lock: a file, or a folder, that one process holds until it releases it, or ends."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import weakref
from collections.abc import Iterator
from pathlib import Path

from graphspec.diagnostics import GraphspecError, fail
from graphspec.system import durable

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


class Lock:
    """What :meth:`take` gives; it goes with its process, however that ends, and not with one forked in between."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        _held.add(self)

    @classmethod
    def take(cls, path: Path, wait: bool = False) -> Lock | None:
        """The lock on the regular file `path`, which is made; None where another process has it and `wait` is false.

        Raises ``GraphspecError`` (``unwritable``) for anything but a regular file: a symbolic link is not followed, a
        pipe or a device not opened; and where the file system has no locks.
        """
        try:
            descriptor = _regular(path)
        except OSError as error:
            raise _refused(path, error) from error
        try:
            durable.disk.lock(descriptor, wait)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, OSError):
                raise _refused(path, error) from error
            raise
        return cls(descriptor)

    def release(self) -> None:
        """Let others have it, also while a process that was forked in between lives on."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # closing does the same, where no forked process has it open
                durable.disk.unlock(self._descriptor)
            self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        _held.discard(self)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Inside this context no other process is inside the one of the same `path`: it waits for its turn."""
    lock = Lock.take(path, wait=True)
    assert lock is not None
    try:
        yield
    finally:
        lock.release()


def _regular(path: Path) -> int:
    """A descriptor of the regular file `path`."""
    with contextlib.suppress(FileNotFoundError):  # to open a device may already do something
        _check(path, os.lstat(path))
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    try:
        _check(path, os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check(path: Path, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, f"{path.name} is a symbolic link", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, f"{path.name} is no regular file", str(path))


def _refused(path: Path, error: OSError) -> GraphspecError:
    """The error to raise for a lock that cannot be had, which says what of."""
    reason, hint = error.strerror or str(error), ""
    if error.errno in _NO_LOCKS and error.filename is None:
        reason, hint = "its file system has no locks", "take a folder on a local disk"
    elif error.errno == errno.ELOOP:
        reason = f"{path.name} is a symbolic link"
    return fail("unwritable", f'"{path}" cannot be locked: {reason}', hint=hint)


_held: weakref.WeakSet[Lock] = weakref.WeakSet()


def _close_in_child() -> None:
    """A forked process, such as one that reads data, would hold the lock for as long as it outlives this one."""
    for lock in list(_held):
        lock._close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
