"""What was read of a file, kept as long as the file is the same. This file imports nothing of graphspec."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any


def kept(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """`read` of a path, which reads the last file once as long as it is the same."""

    @functools.lru_cache(maxsize=1)
    def last(path: str, stamp: tuple[int, ...]) -> Any:
        return read(path)

    @functools.wraps(read)
    def reading(path: str) -> Any:
        entry = os.stat(path)
        return last(path, (entry.st_ino, entry.st_size, entry.st_mtime_ns))

    return reading
