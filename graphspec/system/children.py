"""Processes that this one starts: they end with it, and take no more than the machine can spare."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from graphspec.system.free_memory import available

_LAUNCHER = Path(__file__).with_name("launch.py")
#: What a worker may take beside what the network itself needs.
SPARE = 2 * 2**30


def memory_limit(needed: int) -> int:
    """Bytes that a child may take for a network that needs `needed`: ``SPARE`` more, never more than are free now."""
    return min(needed + SPARE, available())


def room(folder: str | Path) -> int:
    """Bytes that a child may write to a file in `folder`: half of what is free there, never more than fit in memory."""
    return max(1 << 20, min(shutil.disk_usage(folder).free // 2, available()))


def guarded(command: Sequence[str | Path], memory: int = 0, seconds: int = 0, written: int = 0) -> list[str]:
    """`command` as it is to be given to ``subprocess``: it gets SIGKILL when this process ends, however that happens.

    `memory` is in bytes (``RLIMIT_DATA``: what it allocates, not the files that it maps), `seconds` are of processor
    time, behind which it gets SIGKILL too, `written` are the bytes of each file that it writes; 0 is no limit. A
    program that cannot be started exits with 127. On Linux its end is tied to the *thread* that starts it: one that
    ends before takes it along. Elsewhere it lives on.
    """
    limits = map(str, (os.getpid(), memory, seconds, written))
    return [sys.executable, "-I", "-S", str(_LAUNCHER), *limits, *map(str, command)]


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill `process`, the first of its own session, with all that it started; gives back when it is gone."""
    with contextlib.suppress(ProcessLookupError):  # all of them have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
