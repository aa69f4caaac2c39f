"""Files that the user names with ``-o``."""

from __future__ import annotations

import os
from pathlib import Path

from graphspec.diagnostics import fail, quoted


def write_text(path: Path, text: str) -> None:
    """Write `text` at `path` whole or not at all: beside it first, then renamed over it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise fail("unwritable", f"cannot write {quoted(path)}: {error.strerror}") from None
