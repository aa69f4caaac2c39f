"""A bar on standard error for work that takes its time before training begins; nothing where no terminal is."""

from __future__ import annotations

import contextlib
import contextvars
import sys
from collections.abc import Callable, Iterator

_wanted = contextvars.ContextVar("wanted", default=True)


@contextlib.contextmanager
def hidden(hide: bool = True) -> Iterator[None]:
    """Inside this context no bar is shown where `hide` is true: what ``--quiet`` and ``--json`` ask for."""
    token = _wanted.set(not hide and _wanted.get())
    try:
        yield
    finally:
        _wanted.reset(token)


@contextlib.contextmanager
def bar(doing: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how far `doing` has come; the function that it gives is told how many of `total` more are done."""
    if not (_wanted.get() and sys.stderr.isatty()):
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(doing, total=total)
        yield lambda done: progress.update(task, advance=done)
