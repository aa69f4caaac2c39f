"""A worker process with a limit of time and of memory: a crash or a hang of a runtime is a response, not our end."""

from __future__ import annotations

import contextlib
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

from graphspec.system.children import end, guarded
from graphspec.system.closing import Closing
from graphspec.system.free_memory import available

WORKER = Path(__file__).with_name("worker.py")


class WorkerError(Exception):
    """The worker crashed or ran out of time; the message says which."""


class Worker(Closing):
    """Starts at once, so that its imports run beside our own work. Use as a context; it is killed at the end.

    It ends with this process, however that happens. Its memory is bounded by what the machine can spare, and from
    :meth:`limit_memory` on by what the network needs; its processor time by that of each request. `loads` are modules
    that it imports at once.
    """

    def __init__(self, loads: Sequence[str] = ()) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
        self._folder = tempfile.TemporaryDirectory(
            ignore_cleanup_errors=True
        )  # what a killed runtime leaves goes with it
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "AOTI_"))}
        self._process = subprocess.Popen(
            guarded([sys.executable, "-I", WORKER, *loads], memory=available()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=kept | {"TMPDIR": self._folder.name},
            start_new_session=True,
        )
        self._buffer = b""

    def limit_memory(self, most_bytes: int) -> None:
        """Bound what it allocates from now on."""
        if sys.platform == "linux":
            import resource

            with contextlib.suppress(ProcessLookupError):  # it has ended, which the next request finds
                process, kind = self._process.pid, resource.RLIMIT_DATA
                hard = resource.prlimit(process, kind)[1]
                most = most_bytes if hard == resource.RLIM_INFINITY else min(most_bytes, hard)
                resource.prlimit(process, kind, (most, hard))

    def ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Send `request` and wait at most `seconds` for the response.

        Raises:
            WorkerError: the process died, or did not respond in time and was killed.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({**request, "seconds": seconds}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(self._death()) from None
        return dict(json.loads(self._line(time.monotonic() + seconds, seconds)))

    def _line(self, deadline: float, seconds: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self.close()
                raise WorkerError(f"no answer within {seconds:g} s")
            piece = os.read(descriptor, 1 << 16)
            if not piece:
                raise WorkerError(self._death())
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _death(self) -> str:
        code = self._process.wait()
        name = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self._log.seek(0)
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
