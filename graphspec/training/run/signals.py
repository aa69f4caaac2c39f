"""SIGINT and SIGTERM end a run between two steps, with everything saved."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import ClassVar

from graphspec.diagnostics import Diagnostic, GraphspecError


class Interrupted(GraphspecError):
    """SIGINT ended the run after a step; it can be resumed."""

    exit_code: ClassVar[int] = 130


class Terminated(GraphspecError):
    """SIGTERM ended the run after a step; it can be resumed."""

    exit_code: ClassVar[int] = 143


class StopFlag:
    """Which signal has come, if any."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def error(self, step: int) -> GraphspecError:
        """The error to raise once the state of `step` is saved."""
        assert self.signal is not None
        kind = Terminated if self.signal == signal.SIGTERM else Interrupted
        name = signal.Signals(self.signal).name
        return kind(
            [Diagnostic("interrupted", f"{name} after step {step}; the state is saved", hint="--resume goes on")]
        )


@contextlib.contextmanager
def stop_flag() -> Iterator[StopFlag]:
    """Inside this context a first signal only raises the flag; a second one ends the process at once."""
    flag = StopFlag()
    if threading.current_thread() is not threading.main_thread():
        yield flag  # only the main thread may set handlers
        return

    def handler(number: int, frame: FrameType | None) -> None:
        flag.signal = number
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
