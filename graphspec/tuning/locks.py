"""The lock on Optuna's journal, by which the processes of a study take turns."""

from __future__ import annotations

import os
from pathlib import Path

from optuna.storages.journal import JournalFileOpenLock

from graphspec.system.lock import Lock


class JournalLock(JournalFileOpenLock):
    """Optuna's lock on its journal, where Optuna's own outlives a killed process by 30 s.

    Whoever takes it cuts off a last line that a kill left half-written, to which the next would be joined.
    """

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal))
        self._journal = journal
        self._lock: Lock | None = None

    def acquire(self) -> bool:
        self._lock = Lock.take(self._journal.with_suffix(".lock"), wait=True)
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
