"""Runs the files of one network: the processes of their runtimes, a folder for what passes between, a limit of time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from graphspec.exporting.reference import Arrays, as_array
from graphspec.ops.arguments import dtype_name
from graphspec.shapes.shaped import ShapedGraph
from graphspec.system.children import memory_limit
from graphspec.system.closing import Closing
from graphspec.system.scratch import ScratchFolder
from graphspec.verifying.local_functions import check_functions
from graphspec.verifying.needed_memory import needed_memory
from graphspec.verifying.runtimes.child import WorkerError, written_arrays
from graphspec.verifying.runtimes.runtime import Runtime
from graphspec.verifying.runtimes.workers import Workers

#: Seconds that one runtime may take for all cases.
TIME_LIMIT = 300.0
#: A submodule's dotted path and how many calls of it came before.
Call = tuple[str, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Outputs:
    """What a runtime gave: ``arrays`` as ``CASE.NAME``, ``errors`` by case, cases by number."""

    arrays: Arrays
    errors: Mapping[str, str]

    def of(self, case: int) -> Arrays:
        """One case's arrays by name."""
        prefix = f"{case}."
        return {key.removeprefix(prefix): value for key, value in self.arrays.items() if key.startswith(prefix)}


class Runner(Closing):
    """Asks runtimes about files of the network `shaped`. Use as a context; its processes end with it."""

    def __init__(self, shaped: ShapedGraph, workers: Workers, seconds: float = TIME_LIMIT) -> None:
        self.shaped, self.workers, self.seconds = shaped, workers, seconds
        self._folder = ScratchFolder()
        self.scratch = Path(self._folder.name)
        self._dtypes = {name: dtype_name(kind.dtype) for name, kind in shaped.inputs.items()}
        self._onnx: dict[tuple[Any, ...], Any] = {}
        self._weights: tuple[tuple[Any, ...], Arrays] | None = None

    def limit_memory(self, cases: Iterable[Mapping[str, Tensor]], runtime: Runtime | None = None) -> None:
        """Give the worker of `runtime`, or all of them, what the network needs for `cases`, and little more."""
        workers = self.workers.of(runtime) if runtime else self.workers
        workers.limit_memory(memory_limit(needed_memory(self.shaped, cases)))

    def write(self, name: str, cases: Iterable[Mapping[str, Tensor | NDArray[Any]]]) -> Path:
        """Write the inputs of `cases` to the file `name` of the scratch folder, for :meth:`run`."""
        path = self.scratch / name
        arrays = {
            f"{k}.{key}": as_array(value) if isinstance(value, Tensor) else value
            for k, inputs in enumerate(cases)
            for key, value in inputs.items()
        }
        np.savez(path, allow_pickle=False, **arrays)
        return path

    def onnx(self, path: Path) -> Any:
        """The ONNX model at `path` without its weights' numbers, read once as long as the file is the same.

        Raises:
            Exception: protobuf's own, of many types; ``ValueError`` where its local functions are too many.
        """
        import onnx

        key = _as_it_is(path)
        if key not in self._onnx:
            model = onnx.load(str(path), load_external_data=False)
            check_functions(model)
            for tensor in model.graph.initializer:
                tensor.ClearField("raw_data")
            self._onnx = {**{k: v for k, v in self._onnx.items() if k[0] != path}, key: model}
        return self._onnx[key]

    def run(self, runtime: Runtime, model: Path, cases: Path, names: Sequence[str] | None = None) -> Outputs:
        """What the file at `model` gives under `names` (all outputs without) for the inputs in the file `cases`.

        Raises:
            WorkerError: it cannot be loaded, ends its process, or takes more than the limit of time.
        """
        if runtime.format == "onnx":
            self._check_functions(model)
        wanted = list(self.shaped.outputs if names is None else names)
        response, arrays = self._ask(runtime, "run", model, inputs=str(cases), names=wanted)
        return Outputs(arrays, response["errors"])

    def _check_functions(self, path: Path) -> None:
        """Refuse what no runtime would end with; a file that cannot be read is left to the runtime's own words."""
        try:
            self.onnx(path)
        except ValueError as error:
            raise WorkerError(f"cannot load the file: {error}") from error
        except Exception:
            return

    def weights(self, runtime: Runtime, model: Path) -> Arrays:
        """The tensors that a TorchScript or ``.pt2`` file holds, by the names that the module has for them.

        Those of the last file are kept.

        Raises:
            WorkerError: as :meth:`run`.
        """
        key = _as_it_is(model)
        if self._weights is None or self._weights[0] != key:
            self._weights = None  # before others are read: they may be large
            self._weights = key, self._ask(runtime, "weights", model)[1]
        return self._weights[1]

    def steps(self, runtime: Runtime, model: Path) -> list[tuple[str, str]]:
        """What the program of such a file does, step by step: the path of a submodule, and text.

        Raises:
            WorkerError: as :meth:`run`.
        """
        return [(path, text) for path, text in self._ask(runtime, "steps", model)[0]["steps"]]

    def precision(self, runtime: Runtime, model: Path) -> str:
        """What the weights of a ``.tflite`` were lowered to (``"int8"``, ``"fp16"``); empty where to nothing.

        Raises:
            WorkerError: as :meth:`run`.
        """
        return str(self._ask(runtime, "precision", model)[0]["precision"])

    def calls(
        self, runtime: Runtime, model: Path, inputs: Mapping[str, Tensor], modules: Sequence[str]
    ) -> tuple[list[Call], Arrays]:
        """What leaves each call of `modules` in such a file, in order, and the arrays by their place in that list.

        Raises:
            WorkerError: as :meth:`run`.
        """
        cases = self.write("calls_inputs.npz", [inputs])
        response, arrays = self._ask(runtime, "calls", model, inputs=str(cases), modules=list(modules))
        return [(module, call) for module, call in response["calls"]], arrays

    def _ask(self, runtime: Runtime, task: str, model: Path, **request: Any) -> tuple[dict[str, Any], Arrays]:
        outputs = self.scratch / "outputs.npz"
        whole = {"task": task, "code": runtime.code, "options": dict(runtime.options), "model": str(model)}
        whole |= {"outputs": str(outputs), "dtypes": self._dtypes, **request}
        ask = runtime.program or self.workers.of(runtime).ask
        try:
            response = ask(whole, self.seconds)
        except WorkerError:
            if runtime.program is None:
                self.workers.drop(runtime)
            raise
        if "failed" in response:
            raise WorkerError(response["failed"])
        return response, written_arrays(outputs)

    def close(self) -> None:
        """End the processes and remove what was written for them."""
        self.workers.close()
        self._folder.cleanup()


def _as_it_is(path: Path) -> tuple[Any, ...]:
    """What is another where a file is."""
    entry = path.stat()
    return path, entry.st_mtime_ns, entry.st_size, entry.st_ino
