"""Folders for what lives as long as a command: gone when it ends, and what a killed one left goes with the next."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from pathlib import Path

from graphspec.system import durable

#: How the names of all of them begin.
PREFIX = "graphspec-"
#: Seconds in which a folder that is just being made has its lock.
_NEW = 60.0


class ScratchFolder(tempfile.TemporaryDirectory[str]):
    """A temporary folder that is locked while its process lives; those of processes that were killed are removed."""

    def __init__(self, dir: Path | None = None) -> None:
        remove_left(Path(dir or tempfile.gettempdir()))
        self._lock: int | None = None
        super().__init__(prefix=PREFIX, dir=dir, ignore_cleanup_errors=True)
        with contextlib.suppress(OSError):  # it cannot be told from one in use, and stays where the process is killed
            self._lock = _locked(self.name)

    def cleanup(self) -> None:
        """Remove it; to be called any number of times."""
        super().cleanup()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def remove_left(place: Path) -> None:
    """Remove what killed processes of this user left in `place`."""
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(place)):
            if entry.name.startswith(PREFIX):
                _remove_left(Path(entry.path))


def _remove_left(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it is gone, another user's, a link, or in use
        found = os.lstat(folder)
        own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if own and time.time() - found.st_mtime > _NEW:
            lock = _locked(folder)
            durable.remove_folder(folder)
            os.close(lock)


def _locked(folder: str | Path) -> int:
    """A descriptor of `folder` with its lock. Raises ``OSError`` where another process has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        durable.disk.lock(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
