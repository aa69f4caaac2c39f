"""Python's garbage collector, and work for which it only looks in vain."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """The garbage collector waits: for work that makes many objects and drops few in circles.

    As a decorator it waits until what the function alone held is gone, so that nothing looks through that. Inside
    another, or where the collector is off, nothing changes.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
