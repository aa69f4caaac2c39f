"""Which runtimes judge a bundle, and how one is run: in a worker process, on all cases at once."""

from __future__ import annotations

import dataclasses
import importlib.util
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from graphspec.diagnostics import fail, quoted, suggest
from graphspec.exporting.bundle.bundle import Bundle
from graphspec.exporting.reference import Arrays, as_array
from graphspec.shapes.shaped import ShapedGraph
from graphspec.verifying.judge import Truth, compare
from graphspec.verifying.runtimes.child import Worker, WorkerError
from graphspec.verifying.runtimes.needs import BROWSER, COMPILER, NODE, ORT_NODE, ORT_WEB, NpmPackage, Program
from graphspec.verifying.runtimes.programs import PROGRAMS
from graphspec.verifying.verify_report import RuntimeReport


@dataclasses.dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime by the name that ``worker.LOADERS`` or ``programs.PROGRAMS`` has for it.

    ``format`` is what it reads, ``module`` the Python module that it needs, ``distribution`` what pip calls that,
    ``needs`` what else must be there. An ``optional`` one is asked by name; it need not run every file, but what it
    gives must be right. One that runs ``machine_code`` is asked by its own name alone: such a file can do anything.
    """

    name: str
    format: str
    module: str
    distribution: str
    optional: bool = False
    needs: tuple[Program | NpmPackage, ...] = ()
    machine_code: bool = False

    @property
    def missing(self) -> str:
        """How to install what it needs and is not there; empty where nothing is missing."""
        module = "" if importlib.util.find_spec(self.module) else f"pip install {self.distribution}"
        return "; ".join(filter(None, [module, *(need.missing for need in self.needs)]))

    @property
    def installed(self) -> bool:
        """Whether everything that it needs is there."""
        return not self.missing


#: Every node as the file has it, and as onnxruntime's graph optimiser rewrites it: what users get.
UNOPTIMISED = Runtime("onnxruntime, unoptimised", "onnx", "onnxruntime", "onnxruntime")
ONNXRUNTIME = Runtime("onnxruntime", "onnx", "onnxruntime", "onnxruntime")
RUNTIMES = (
    UNOPTIMISED,
    ONNXRUNTIME,
    Runtime("torchscript", "torchscript", "torch", "torch"),
    Runtime("pt2", "pt2", "torch", "torch"),
    Runtime("aoti", "aoti", "torch", "torch", machine_code=True),
    Runtime("onnx.reference", "onnx", "onnx", "onnx", optional=True),
    Runtime("openvino", "onnx", "openvino", "openvino", optional=True),
    Runtime("opencv", "onnx", "cv2", "opencv-python-headless", optional=True),
    Runtime("tract", "onnx", "tract", "tract", optional=True),
    Runtime("libtorch", "torchscript", "torch", "torch", optional=True, needs=(COMPILER,)),
    Runtime("onnxruntime-node", "onnx", "safetensors", "safetensors", optional=True, needs=(NODE, ORT_NODE)),
    Runtime("onnxruntime-web", "onnx", "safetensors", "safetensors", optional=True, needs=(BROWSER, ORT_WEB)),
)
ALL = "all"


def chosen(bundle: Bundle, names: Sequence[str] = ()) -> list[Runtime]:
    """The runtimes that judge `bundle`: those that are not optional, and those among `names` (or all of them).

    Raises:
        GraphspecError: ``bad-value`` for a runtime that does not exist or whose format the bundle has not,
            ``runtime-missing`` for one that is asked for by its name and not installed.
    """
    table = {runtime.name: runtime for runtime in RUNTIMES}
    for name in names:
        if name != ALL and name not in table:
            raise fail("bad-value", f"there is no runtime {quoted(name)}", hint=suggest(name, [ALL, *table]))
        if name != ALL and not table[name].installed:
            raise fail("runtime-missing", f"the runtime {quoted(name)} is not installed", hint=table[name].missing)
        if name != ALL and table[name].format not in bundle.formats:
            message = f"the runtime {quoted(name)} runs {table[name].format} files, and the export has none"
            raise fail("bad-value", message, hint=f'add "{table[name].format}" to [export] formats and export it again')
    wanted = [r for r in RUNTIMES if r.name in names or (not r.machine_code and (not r.optional or ALL in names))]
    return [runtime for runtime in wanted if runtime.format in bundle.formats]


class Workers:
    """The worker processes of one verification; the one that needs torch starts importing it at once."""

    def __init__(self, formats: Iterable[str]) -> None:
        self._formats = tuple(formats)
        self._workers: dict[str, Worker] = {}
        for runtime in RUNTIMES:
            if runtime.format in self._formats and not runtime.optional:
                self._start(runtime.module)

    def of(self, runtime: Runtime) -> Worker:
        """The worker that runs `runtime`."""
        return self._start(runtime.module)

    def drop(self, runtime: Runtime) -> None:
        """Forget a worker that died; the next one is a new process."""
        self._workers.pop(runtime.module).close()

    def close(self) -> None:
        """End all of them."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()

    def _start(self, module: str) -> Worker:
        if module not in self._workers:
            self._workers[module] = Worker(self._formats if module == "torch" else ())
        return self._workers[module]

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
    report = RuntimeReport(runtime.name, optional=runtime.optional)
    if not runtime.installed:
        return dataclasses.replace(report, failure=f"not installed: {runtime.missing}")
    outputs = cases.with_name("outputs.npz")
    request = {"runtime": runtime.name, "model": str(model), "inputs": str(cases), "outputs": str(outputs)}
    ask = PROGRAMS.get(runtime.name) or workers.of(runtime).ask
    try:
        answer = ask(request | {"names": list(shaped.outputs), "dtypes": dtypes_of(shaped)}, seconds)
    except WorkerError as error:
        if runtime.name not in PROGRAMS:
            workers.drop(runtime)
        answer = {"failed": str(error)}
    if "failed" in answer:
        return dataclasses.replace(report, failure=answer["failed"], seconds=time.perf_counter() - start)
    with np.load(outputs, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file}
    compared = compare(truths, arrays, answer["errors"])
    return dataclasses.replace(report, comparisons=compared, seconds=time.perf_counter() - start)


def dtypes_of(shaped: ShapedGraph) -> dict[str, str]:
    """The inputs' dtypes by name; arrays do not tell, for numpy has no bfloat16."""
    return {name: str(kind.dtype).removeprefix("torch.") for name, kind in shaped.inputs.items()}
