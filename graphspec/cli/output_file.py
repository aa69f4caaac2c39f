"""Files that the user names with ``-o``."""

from __future__ import annotations

from pathlib import Path

from graphspec.system.durable import unwritable, write_atomically


def write_text(path: Path, text: str) -> None:
    """Write `text` at `path` whole or not at all; into a device or a pipe (``/dev/null``) as it comes."""
    if path.is_file() or not path.exists():
        write_atomically(path, text.encode())
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(path, error) from error
