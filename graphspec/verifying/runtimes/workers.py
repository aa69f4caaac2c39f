"""The worker processes of one verification, by what they import."""

from __future__ import annotations

from collections.abc import Iterable

from graphspec.system.closing import Closing
from graphspec.verifying.runtimes.child import Worker
from graphspec.verifying.runtimes.runtime import RUNTIMES, Runtime


class Workers(Closing):
    """Processes for the standard runtimes of `formats`, which start at once on the imports that take long."""

    def __init__(self, formats: Iterable[str]) -> None:
        wanted = tuple(formats)
        self._standard = [row for row in RUNTIMES if row.format in wanted and not row.optional]
        self._workers: dict[str, Worker] = {}
        self._memory = 0
        for runtime in self._standard:
            self.of(runtime)

    def of(self, runtime: Runtime) -> Worker:
        """The worker that runs `runtime`, started where there is none."""
        module = runtime.module
        if module not in self._workers:
            loads = [row.loads for row in self._standard if row.module == module and row.loads]
            self._workers[module] = Worker(loads)
            if self._memory:
                self._workers[module].limit_memory(self._memory)
        return self._workers[module]

    def limit_memory(self, most_bytes: int) -> None:
        """Bound what each of them allocates from now on."""
        self._memory = most_bytes
        for worker in self._workers.values():
            worker.limit_memory(most_bytes)

    def drop(self, runtime: Runtime) -> None:
        """Forget a worker that died; the next one is a new process."""
        self._workers.pop(runtime.module).close()

    def close(self) -> None:
        """End all of them."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()
