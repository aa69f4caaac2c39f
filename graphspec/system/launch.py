"""Starts a program that ends with the process that asked for it, and keeps to limits of memory, time and disk.

Run as a script, by :func:`graphspec.system.children.guarded`; it imports nothing of graphspec::

    python -I -S launch.py PARENT BYTES SECONDS WRITTEN PROGRAM ARGUMENT…

A limit of 0 is none; no core is dumped. What is set here outlasts ``exec``, and the limits go on to what the
program starts.
"""

import os
import resource
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_SIGKILL = 9


def main() -> None:
    """Never returns; exits with 127 where the program cannot be started."""
    parent, most_bytes, seconds, written, *command = sys.argv[1:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        if os.getppid() != int(parent):  # it ended before it could be watched
            os._exit(1)
    for kind, most in (
        (resource.RLIMIT_DATA, int(most_bytes)), (resource.RLIMIT_CPU, int(seconds)),
        (resource.RLIMIT_FSIZE, int(written)), (resource.RLIMIT_CORE, -1),
    ):  # fmt: skip
        if most:
            limit(kind, max(0, most))
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        os._exit(127)


def limit(kind: int, most: int) -> None:
    """Set a limit of this process, as far as its own allows."""
    hard = resource.getrlimit(kind)[1]
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (allowed, allowed))


if __name__ == "__main__":
    main()
