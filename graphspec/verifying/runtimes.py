"""Which runtimes judge a bundle, and how one is run: in a worker process, on all cases at once."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from graphspec.exporting.bundle import Bundle
from graphspec.exporting.reference import Arrays, as_array
from graphspec.shapes.shaped import ShapedGraph
from graphspec.verifying.child import Worker, WorkerError
from graphspec.verifying.compare import Truth, compare
from graphspec.verifying.report import RuntimeReport


@dataclasses.dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime by the name that ``worker.LOADERS`` has for it: what it reads, and what it needs installed."""

    name: str
    format: str
    packages: tuple[str, ...]
    standard: bool = True


#: Every node as the file has it, and as onnxruntime's graph optimiser rewrites it: what users get.
UNOPTIMISED = Runtime("onnxruntime, unoptimised", "onnx", ("onnxruntime",))
ONNXRUNTIME = Runtime("onnxruntime", "onnx", ("onnxruntime",))
RUNTIMES = (
    UNOPTIMISED,
    ONNXRUNTIME,
    Runtime("torchscript", "torchscript", ("torch",)),
    Runtime("pt2", "pt2", ("torch",)),
)


def chosen(bundle: Bundle) -> list[Runtime]:
    """The runtimes that judge `bundle`."""
    return [runtime for runtime in RUNTIMES if runtime.format in bundle.formats and runtime.standard]


class Workers:
    """The worker processes of one verification; those that need torch start importing it at once."""

    def __init__(self, formats: Iterable[str]) -> None:
        wanted = set(formats)
        self._workers: dict[str, Worker] = {}
        for runtime in RUNTIMES:
            if runtime.format in wanted:
                self._start(runtime.packages[0])

    def of(self, runtime: Runtime) -> Worker:
        """The worker that runs `runtime`."""
        return self._start(runtime.packages[0])

    def drop(self, runtime: Runtime) -> None:
        """Forget a worker that died; the next one is a new process."""
        self._workers.pop(runtime.packages[0]).close()

    def close(self) -> None:
        """End all of them."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()

    def _start(self, package: str) -> Worker:
        if package not in self._workers:
            self._workers[package] = Worker((package,))
        return self._workers[package]

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write_cases(path: Path, truths: Sequence[Truth]) -> None:
    """Write the inputs of all cases as ``CASE.NAME``, cases by number."""
    arrays: Arrays = {}
    for k, truth in enumerate(truths):
        arrays |= {f"{k}.{name}": as_array(tensor) for name, tensor in truth.case.inputs.items()}
    np.savez(path, allow_pickle=False, **arrays)


def run(
    runtime: Runtime,
    workers: Workers,
    model: Path,
    shaped: ShapedGraph,
    truths: Sequence[Truth],
    cases: Path,
    seconds: float,
) -> RuntimeReport:
    """Run `model` on the `cases` file in `runtime` and judge every output; a crash or a hang is the file's failure."""
    start = time.perf_counter()
    outputs = cases.with_name("outputs.npz")
    request = {"runtime": runtime.name, "model": str(model), "inputs": str(cases), "outputs": str(outputs)}
    try:
        answer = workers.of(runtime).ask(request | {"names": list(shaped.outputs), "dtypes": _dtypes(shaped)}, seconds)
    except WorkerError as error:
        workers.drop(runtime)
        answer = {"failed": str(error)}
    if "failed" in answer:
        return RuntimeReport(runtime.name, failure=answer["failed"], seconds=time.perf_counter() - start)
    with np.load(outputs, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file}
    compared = compare(truths, arrays, answer["errors"])
    return RuntimeReport(runtime.name, compared, seconds=time.perf_counter() - start)


def _dtypes(shaped: ShapedGraph) -> dict[str, str]:
    return {name: str(kind.dtype).removeprefix("torch.") for name, kind in shaped.inputs.items()}
