"""What a person sees: tables for the terminal, the same ones as HTML for a notebook, and a picture of the network.

A type that is :class:`graphspec.system.shown.Shown` has one row here; its view gives both its text and its HTML.
"""

from __future__ import annotations

from typing import Any

from graphspec.display.html import page
from graphspec.display.views import View, view_of

__all__ = ["html", "text"]

#: A plain text is no longer than this.
MOST_LINES = 10


def text(value: Any) -> str:
    """At most ten lines; a mistake of ours in showing something hides nothing of it."""
    lines = view_of(value).lines()
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], f"… {len(lines) - MOST_LINES + 1} more"]
    return "\n".join(lines)


def html(value: Any) -> str:
    """A piece of a page that needs nothing else, for light and dark ones."""
    view: View = view_of(value)
    return page(view.title, view.parts())
