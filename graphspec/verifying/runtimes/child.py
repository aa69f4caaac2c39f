"""A worker process with a limit of time and of memory: a crash or a hang of a runtime is an answer, not our end."""

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
from types import TracebackType
from typing import Any

WORKER = Path(__file__).with_name("worker.py")
MEMORY_LIMIT = 16 * 2**30


class WorkerError(Exception):
    """The worker crashed or ran out of time; the message says which."""


class Worker:
    """Starts at once, so that its imports run beside our own work. Use as a context; it is killed at the end."""

    def __init__(self, preload: Sequence[str] = (), memory_limit: int = MEMORY_LIMIT) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
        self._folder = tempfile.TemporaryDirectory(
            ignore_cleanup_errors=True
        )  # what a killed runtime leaves goes with it
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "AOTI_"))}
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(WORKER), str(memory_limit), *preload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=kept | {"TMPDIR": self._folder.name},
            start_new_session=True,
        )
        self._buffer = b""

    def ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Send `request` and wait at most `seconds` for the answer.

        Raises:
            WorkerError: the process died, or did not answer in time and was killed.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(dict(request)).encode() + b"\n")
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
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue
        self._log.close()
        self._folder.cleanup()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
