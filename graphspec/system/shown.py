"""Objects that show themselves: short as text, and in a notebook as HTML.

The display room stands above everything that it shows, so that it is loaded by name, and only when it is asked.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType


class Shown:
    """What :mod:`graphspec.display` has a view of."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(display_room().text(self))

    def _repr_html_(self) -> str:
        return str(display_room().html(self))


def display_room(part: str = "") -> ModuleType:
    """The display room, or a module of it."""
    return importlib.import_module(f"graphspec.display.{part}" if part else "graphspec.display")


def in_notebook() -> bool:
    """Whether a kernel shows what is displayed: Jupyter's, Colab's, VS Code's or nbclient's."""
    loaded = sys.modules.get("IPython")
    shell = loaded.get_ipython() if loaded else None
    return shell is not None and hasattr(shell, "kernel")
