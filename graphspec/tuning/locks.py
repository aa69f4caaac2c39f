"""Locks between the processes of a study; each goes with its process, however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from optuna.storages.journal import JournalFileOpenLock

from graphspec.system import durable


class FileLock:
    """A file that one process holds until it releases it, or ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path, wait: bool) -> FileLock | None:
        """The lock at `path`; None where another process has it and this one does not `wait`.

        Raises ``GraphspecError`` (``unwritable``) where it is a symbolic link, or its file system has no locks.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise durable.unwritable(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                return None
            raise durable.unwritable(path, error) from error
        return cls(descriptor)

    def release(self) -> None:
        """Let others have it, also while a process that was forked in between lives on."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Inside this context no other process is inside the one of the same `path`."""
    lock = FileLock.take(path, wait=True)
    assert lock is not None
    try:
        yield
    finally:
        lock.release()


class JournalLock(JournalFileOpenLock):
    """Optuna's lock on its journal, where Optuna's own outlives a killed process by 30 s.

    Whoever takes it cuts off a last line that a kill left half-written, to which the next would be joined.
    """

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal))
        self._journal = journal
        self._lock: FileLock | None = None

    def acquire(self) -> bool:
        self._lock = FileLock.take(self._journal.with_suffix(".lock"), wait=True)
        _mend(self._journal)
        return True

    def release(self) -> None:
        if self._lock is not None:
            self._lock.release()


def _mend(journal: Path) -> None:
    """Cut off what stands after the last line's end."""
    with open(journal, "r+b") as file:
        end = size = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 4096)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            file.truncate(end)
