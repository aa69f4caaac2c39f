"""What whoever starts a process gives it: three open files, a working directory, and a number of files to open."""

from __future__ import annotations

import contextlib
import os
import resource
import sys

from graphspec.diagnostics import fail

#: Importing torch takes some twenty open files at once.
_FEWEST_FILES = 64


def open_closed_ones() -> None:
    """Put the null device where standard input, output or error is closed.

    Else the next file that is opened would take its number, and what is meant for the terminal be written into it.
    ``sys.stdin`` stays None: who reads it is to know that there is none.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            if number:
                setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115 - it stays open


def check() -> None:
    """Refuse to work where the working directory is gone, or hardly a file can be opened.

    Raises:
        GraphspecError: with the way out.
    """
    try:
        os.getcwd()
    except OSError as error:
        hint = "cd to a folder that exists"
        raise fail("no-such-file", f"the working directory cannot be used: {error.strerror}", hint=hint) from None
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < _FEWEST_FILES:
        message = f"this process may open only {most} files at once"
        raise fail("unreadable", message, hint=f"ulimit -n 1024, and no less than {_FEWEST_FILES}")


def give_up(number: int) -> None:
    """Let what is still to be written to the file `number` go nowhere: its reader has gone, or its disk is full."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)
