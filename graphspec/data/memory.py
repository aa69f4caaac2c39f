"""How much memory a data set may take."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from graphspec.diagnostics import fail

#: Of the memory that is free now, the part a data set may fill; the rest is for the network.
SHARE = 0.5
_CGROUP = Path("/sys/fs/cgroup")


def budget() -> int:
    """Bytes that a data set may keep resident."""
    return int(SHARE * available())


def available() -> int:
    """Bytes that are free in this machine and in this container."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():  # counts what the page cache would give back
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        free = int(lines.get("MemAvailable", f"{free // 1024}").split()[0]) * 1024
    with contextlib.suppress(OSError, ValueError):  # no cgroup, or "max"
        limit = int((_CGROUP / "memory.max").read_text())
        free = min(free, limit - int((_CGROUP / "memory.current").read_text()))
    return max(0, free)


def check_size(path: Path, size: int) -> None:
    """Raise ``GraphspecError`` where a file's content takes more than the budget and cannot be read in pieces."""
    most = budget()
    if size > most:
        message = f"{path} needs {size:,} bytes of memory, a data set may take {most:,} here"
        raise fail("too-much-memory", message, at=("data", "dataset"))
