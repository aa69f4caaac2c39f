"""The user's cache folder, for what is compiled once on a machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def user_cache() -> Path | None:
    """``$XDG_CACHE_HOME/graphspec``, else ``~/.cache/graphspec``; None where it may not be written."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "graphspec"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.access(folder, os.W_OK):
            return folder
    return None
