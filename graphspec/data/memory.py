"""How much memory a data set may take."""

from __future__ import annotations

from pathlib import Path

from graphspec.diagnostics import fail
from graphspec.system.memory import available

#: Of the memory that is free now, the part a data set may fill; the rest is for the network.
SHARE = 0.5


def budget() -> int:
    """Bytes that a data set may keep resident."""
    return int(SHARE * available())


def check_size(path: Path, size: int) -> None:
    """Raise ``GraphspecError`` where a file's content takes more than the budget and cannot be read in pieces."""
    most = budget()
    if size > most:
        message = f"{path} needs {size:,} bytes of memory, a data set may take {most:,} here"
        raise fail("too-much-memory", message, at=("data", "dataset"))
