"""How much memory a data set may take."""

from __future__ import annotations

from pathlib import Path

from graphspec.diagnostics import Path as SpecPath
from graphspec.diagnostics import fail
from graphspec.system.free_memory import available

#: Of the memory that is free now, the part a data set may fill; the rest is for the network.
SHARE = 0.5


def budget() -> int:
    """Bytes that a data set may keep resident."""
    return int(SHARE * available())


def check_size(path: Path, size: int) -> None:
    """Raise ``GraphspecError`` where a file's content takes more than the budget and cannot be read in pieces."""
    check_memory(str(path), size)


def check_memory(what: str, size: int, at: SpecPath = ("data", "dataset")) -> None:
    """Raise ``GraphspecError`` where `what` takes more than the budget."""
    most = budget()
    if size > most:
        raise fail("too-much-memory", f"{what} needs {size:,} bytes of memory, a data set may take {most:,} here", at)
