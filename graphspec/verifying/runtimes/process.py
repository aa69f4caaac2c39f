"""A program with a limit of time and of memory, ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from graphspec.system.children import end, guarded, room
from graphspec.system.free_memory import available
from graphspec.system.scratch import ScratchFolder
from graphspec.verifying.runtimes.child import WorkerError

#: The exit code of a program that cannot be started.
NOT_STARTED = 127
#: A browser reserves more than it takes.
MEMORY_LIMIT = 16 * 2**30
#: Variables by which a user's shell would change what Node.js loads.
_STRIPPED = ("NODE_OPTIONS", "NODE_PATH")


#: Bytes of what a program has printed that are read: a stranger's file may print without end.
MOST_PRINTED = 1 << 20


@contextlib.contextmanager
def started(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`command` while it runs, what it prints going to `log`; it is killed with all it started when the context ends.

    It exits with `NOT_STARTED` where it cannot be started.
    """
    kept = {key: value for key, value in os.environ.items() if key not in _STRIPPED}
    with log.open("wb") as output:
        process = subprocess.Popen(
            guarded(command, memory=min(MEMORY_LIMIT, available()), written=min(MEMORY_LIMIT, room(log.parent))),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            env={**kept, **(environment or {})}, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        end(process)


def run(command: Sequence[str | Path], seconds: float, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """The exit code of `command` and what it printed last.

    Raises:
        WorkerError: it cannot be started, takes more than `seconds`, or was ended by a signal.
    """
    with ScratchFolder() as folder:
        log = Path(folder) / "log"
        with started(command, log, environment) as process:
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                raise WorkerError(f"no answer within {seconds:g} s") from None
        text = _last(log)
    if code == NOT_STARTED:
        raise WorkerError(text.strip())
    if code < 0:
        raise WorkerError(f"the process ended with signal {signal.Signals(-code).name}")
    return code, text


def _last(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - MOST_PRINTED))
        return file.read(MOST_PRINTED).decode("utf-8", "replace")
