"""A worker process with a limit of time and of memory: a crash or a hang of a runtime is a response, not our end."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from graphspec.system.array_file import Claim, read_arrays
from graphspec.system.children import end, guarded, room
from graphspec.system.closing import Closing
from graphspec.system.free_memory import available
from graphspec.system.regular_file import open_regular
from graphspec.system.scratch import ScratchFolder

WORKER = Path(__file__).with_name("worker.py")
#: Bytes of a response, and of what a process printed last.
_LONGEST, _LAST = 1 << 28, 1 << 14


class WorkerError(Exception):
    """The worker crashed, ran out of time or gave what is no response; the message says which."""


def written_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """What a worker wrote to `path`: a file that it ran may have written anything there.

    Raises:
        WorkerError: it is no archive of arrays, or claims more memory than is free.
    """

    def check(claims: Mapping[str, Claim]) -> None:
        claimed = sum(each.values * each.dtype.itemsize for each in claims.values())
        if claimed > available():
            raise ValueError(f"they claim {claimed:,} bytes, which are not free")

    try:
        with open_regular(path, links=False) as file:
            return read_arrays(file, check)
    except (OSError, ValueError) as error:
        raise WorkerError(f"its arrays cannot be read: {error}") from error


class Worker(Closing):
    """Starts at once, so that its imports run beside our own work. Use as a context; it is killed at the end.

    It ends with this process, however that happens. Its memory and what it writes are bounded by what the machine can
    spare, and from :meth:`limit_memory` on by what the network needs; its processor time by that of each request.
    `loads` are modules that it imports at once.
    """

    def __init__(self, loads: Sequence[str] = ()) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
        self._folder = ScratchFolder()  # what a killed runtime leaves goes with it
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "AOTI_"))}
        self._process = subprocess.Popen(
            guarded([sys.executable, "-I", WORKER, *loads], memory=available(), written=room(self._folder.name)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=kept | {"TMPDIR": self._folder.name},
            start_new_session=True,
        )
        self._buffer = bytearray()
        self._memory = 0

    def limit_memory(self, most_bytes: int) -> None:
        """Bound what it allocates from the next request on."""
        self._memory = most_bytes

    def ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Send `request` and wait at most `seconds` for the response.

        Raises:
            WorkerError: the process died, did not respond in time and was killed, or its response is none.
        """
        assert self._process.stdin is not None
        try:
            limits = {"seconds": seconds, "memory": self._memory}
            self._process.stdin.write(json.dumps({**request, **limits}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(self._death()) from None
        line = self._line(time.monotonic() + seconds, seconds)
        try:
            return dict(json.loads(line))
        except (ValueError, TypeError, RecursionError) as error:  # a file that it ran may have printed anything
            raise WorkerError(f"its answer is none: {type(error).__name__}") from error

    def _line(self, deadline: float, seconds: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        seen = 0
        while self._buffer.find(b"\n", seen) < 0:
            seen = len(self._buffer)
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self.close()
                raise WorkerError(f"no answer within {seconds:g} s")
            piece = os.read(descriptor, 1 << 16)
            if not piece:
                raise WorkerError(self._death())
            self._buffer += piece
            if len(self._buffer) > _LONGEST:
                self.close()
                raise WorkerError(f"its answer has more than {_LONGEST:,} bytes")
        line, _, self._buffer = self._buffer.partition(b"\n")
        return bytes(line)

    def _death(self) -> str:
        code = self._process.wait()
        name = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - _LAST))
        last = self._log.read().decode(errors="replace").strip().splitlines()[-1:]
        return f"the process ended with {name}" + "".join(f": {line}" for line in last)

    def close(self) -> None:
        """Kill the process and whatever it started."""
        end(self._process)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue
        self._log.close()
        self._folder.cleanup()
