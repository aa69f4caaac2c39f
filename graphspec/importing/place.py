"""Where in its source the function that runs now stands, for messages; ``""`` where its module's path says it."""

from __future__ import annotations

from contextvars import ContextVar

PLACE: ContextVar[str] = ContextVar("place", default="")
