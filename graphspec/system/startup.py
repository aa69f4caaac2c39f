"""How the command's process begins and ends: without time for memory that the system takes back anyway."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator

#: Of glibc's malloc.h: up to how much free memory stays in the process, and from which size on a block is the system's.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT = 1 << 30


def keep_memory() -> None:
    """Make glibc keep memory that is freed, up to a GiB: every batch and every layer's output asks for the same again.

    From the system each comes as new pages filled with zeros first, up to a third of the time of an evaluation.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library has no such function
            library = ctypes.CDLL(None)
            library.mallopt(_MMAP_THRESHOLD, _KEPT)
            library.mallopt(_TRIM_THRESHOLD, _KEPT)


def without_log() -> None:
    """Keep the warnings of torch's C++ from standard error: they are for those who write torch's operators."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")


def end_by_signals() -> None:
    """Until a command has begun, Ctrl-C ends the process as SIGTERM does: at once, by the signal, without a word."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # under nohup it is ignored, and stays so
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGINT and SIGTERM end the process at once: an import that an exception leaves half-way is seldom clean."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    before = {each: handler for each, handler in handlers.items() if callable(handler)}
    try:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """For a command's first imports, which stay until the process ends.

    The garbage collector does not look through them, now or later: torch makes half a million objects on its way in,
    and to look through them again and again takes a third of a second. Nothing has been begun: signals end the process.
    Where torch is there already, as in a program that runs a command itself, nothing changes.
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        with _ended_by_signals():
            yield
        gc.freeze()
        atexit.register(gc.unfreeze)  # where Python ends the process it is to find everything
    finally:
        gc.enable()


class QuickEnd:
    """Ends the process by the system's call, as the last thing it does: to free each object of torch takes a second.

    Everything else that wants to run at the end runs before, as it is registered later, and threads are waited for.
    Where something was registered earlier, a debugger's or a profiler's say, and where an exception ends the process,
    Python ends it.
    """

    def __init__(self) -> None:
        self._status: int | None = None
        if not atexit._ncallbacks():
            atexit.register(self._end)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Around the whole work of the process, which ends by ``SystemExit``."""
        try:
            yield
        except SystemExit as end:
            self._status = 0 if end.code is None else end.code if isinstance(end.code, int) else None
            raise

    def _end(self) -> None:
        if self._status is None:
            return
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except BrokenPipeError:
            return  # Python says what is to be said of a closed pipe
        except (OSError, ValueError) as error:
            self._status = self._status or 1
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"graphspec: standard output cannot be written: {getattr(error, 'strerror', error)}\n")
                sys.stderr.flush()
        os._exit(self._status)
