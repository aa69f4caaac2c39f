"""How much memory is free."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


@contextlib.contextmanager
def at_most(more: int) -> Iterator[None]:
    """Inside, this process gets no more than `more` bytes beside what it has; then ``MemoryError``, or a library's own.

    For readers in native code, which ask for what a stranger's file claims. Linux; elsewhere there is no limit.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        yield
        return
    held = next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmData"))
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    least = min((limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY), default=held + more)
    resource.setrlimit(resource.RLIMIT_DATA, (min(least, held + more), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


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
