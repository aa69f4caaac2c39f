"""How large a network may be: raised by the user's flags only, never by a key of a spec."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

_most_layers: contextvars.ContextVar[int] = contextvars.ContextVar("most_layers", default=10_000)


def most_layers() -> int:
    """How many layers a network may have."""
    return _most_layers.get()


@contextlib.contextmanager
def raised(layers: int) -> Iterator[None]:
    """Inside this context a network may have as many as `layers` layers."""
    token = _most_layers.set(layers)
    try:
        yield
    finally:
        _most_layers.reset(token)
