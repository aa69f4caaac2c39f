"""Memory that is too small: told from every other fault, and answered once."""

from __future__ import annotations

import contextlib
import errno
import traceback
from collections.abc import Iterator

from graphspec.diagnostics import GraphspecError, fail
from graphspec.diagnostics import Path as SpecPath

#: How torch, oneDNN, cuBLAS, C++, the linker and Python's threads word it, where they have no exception of their own
#: for it.
_WORDS = (
    "can't allocate memory", "not enough memory", "out of memory", "could not create a primitive",
    "could not create a memory", "ALLOC_FAILED", "bad_alloc", "can't start new thread",
    "failed to map segment",  # of a library that is imported then
)  # fmt: skip
_HINT = "what was saved is whole; a new run with a smaller batch_size can start from it with --init RUN"
_AT = ("data", "batch_size")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that there was too little memory, of the machine or of a GPU."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError | ImportError) and any(words in str(error) for words in _WORDS)


def too_little(error: BaseException, purpose: str, at: SpecPath = _AT, hint: str = _HINT) -> GraphspecError:
    """The answer to `error`, which says that memory was too small for `purpose`.

    What the frames of `error` hold is let go, so that there is memory again to say so.
    """
    traceback.clear_frames(error.__traceback__)
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return fail("out-of-memory", f"memory is too small for {purpose}", at, hint, notes=[reason[:200]])


@contextlib.contextmanager
def enough_memory(purpose: str, at: SpecPath = _AT, hint: str = _HINT) -> Iterator[None]:
    """Inside this context, and as a decorator, too little memory for `purpose` raises ``GraphspecError``."""
    try:
        yield
    except (RuntimeError, MemoryError, OSError, ImportError) as error:
        if not is_out_of_memory(error):
            raise
        raise too_little(error, purpose, at, hint) from error
