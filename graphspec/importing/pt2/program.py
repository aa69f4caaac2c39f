"""An exported program as data: what a child process says of a file, which may be a stranger's and is loaded there."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphspec.diagnostics import fail, quoted
from graphspec.exporting.reference import Arrays
from graphspec.ops.arguments import DTYPES, dtype_name
from graphspec.system.closing import Closing
from graphspec.system.free_memory import available
from graphspec.system.regular_file import require_regular
from graphspec.system.scratch import ScratchFolder
from graphspec.verifying.runner import TIME_LIMIT
from graphspec.verifying.runtimes.child import Worker, WorkerError, written_arrays

#: What an import takes, here and in its worker: this often the size of the file, and this beside for computed samples.
COPIES, SPARE = 16, 4 * 2**30
#: Of each call of a module: its path, which call of it this is, and its class.
Place = tuple[str, int, str]


@dataclasses.dataclass(frozen=True, eq=False)
class Node:
    """One call. ``op`` is ``call_function:aten.relu.default``; in ``args`` and ``kwargs`` a value is :class:`Ref`."""

    name: str
    op: str
    args: list[Any]
    kwargs: dict[str, Any]
    stack: tuple[Place, ...]

    def inputs(self) -> Iterator[str]:
        """The names of the values that go in."""
        return refs((self.args, list(self.kwargs.values())))


@dataclasses.dataclass(frozen=True, slots=True)
class Ref:
    """The value called `name`."""

    name: str


@dataclasses.dataclass(frozen=True, eq=False)
class Program:
    """``described`` as ``pt2_program.py`` says it, ``tensors`` by name."""

    described: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def nodes(self) -> list[Node]:
        """The calls in order."""
        return [
            Node(
                row["name"], row["op"], _decoded(row["args"]), _decoded(row["kwargs"]),
                tuple((path, call, kind) for path, call, kind in row["stack"]),
            )
            for row in self.described["nodes"]
        ]  # fmt: skip

    @property
    def outputs(self) -> Any:
        """The results as forward nests them, of :class:`Ref`."""
        return _decoded(self.described["outputs"])


def most_memory(path: Path) -> int:
    """Bytes that this process, and a worker, may take for the file at `path`; never more than are free."""
    return min(available(), SPARE + COPIES * path.stat().st_size)


def refs(structure: Any) -> Iterator[str]:
    """The names of all values in nested lists and dicts."""
    if isinstance(structure, Ref):
        yield structure.name
    elif isinstance(structure, dict):
        yield from refs(list(structure.values()))
    elif isinstance(structure, list | tuple):
        for item in structure:
            yield from refs(item)


def replaced(structure: Any, value: Callable[[str], Any]) -> Any:
    """`structure` with values in place of their names."""
    if isinstance(structure, Ref):
        return value(structure.name)
    if isinstance(structure, dict):
        return {key: replaced(item, value) for key, item in structure.items()}
    return [replaced(item, value) for item in structure] if isinstance(structure, list) else structure


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"node"}:
        return Ref(value["node"])
    if set(value) == {"float"}:
        return float(value["float"])
    if set(value) == {"dtype"}:
        return DTYPES.get(value["dtype"])
    if set(value) == {"other"}:
        return None  # a device, a layout, a memory format: no function depends on it
    if set(value) == {"items"}:
        return {key: _decoded(item) for key, item in value["items"].items()}
    return {key: _decoded(item) for key, item in value.items()}


class Pt2File(Closing):
    """The file at `path`, loaded in a process of its own with limits. Use as a context."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            require_regular(path)
        except OSError as error:
            reason = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
            raise fail("not-importable", f"{quoted(path)} cannot be read: {reason}") from error
        self._worker = Worker()
        self._worker.limit_memory(most_memory(path))
        self._folder = ScratchFolder()

    def program(self) -> Program:
        """What the file is made of.

        Raises:
            GraphspecError: ``not-importable`` where torch cannot load it.
        """
        outputs = Path(self._folder.name) / "tensors.npz"
        request = {"task": "program", "code": "pt2_program", "model": str(self.path), "outputs": str(outputs)}
        answer = self._ask(request)
        arrays = self._arrays(outputs)
        said = answer["program"]["tensors"]
        tensors = {name: torch.from_numpy(arrays[name]).to(DTYPES[said[name]["dtype"]]) for name in said}
        return Program(answer["program"], tensors)

    def run(self, cases: Sequence[Mapping[str, Tensor]], outputs: list[str], learning: bool) -> list[list[Tensor]]:
        """What the program, loaded once, gives for the inputs of each of `cases`, in the order of `outputs`.

        It runs as users run it, or, `learning`, with gradients.
        """
        folder = Path(self._folder.name)
        dtypes = {name: dtype_name(value.dtype) for name, value in cases[0].items()}
        arrays = {f"{n}.{name}": _array(value) for n, inputs in enumerate(cases) for name, value in inputs.items()}
        np.savez(folder / "inputs.npz", allow_pickle=False, **arrays)
        answer = self._ask({
            "task": "run", "code": "pt2_program", "options": {"learning": learning}, "model": str(self.path),
            "names": outputs, "inputs": str(folder / "inputs.npz"),
            "outputs": str(folder / "outputs.npz"), "dtypes": dtypes,
        })  # fmt: skip
        if answer["errors"]:
            raise fail("not-importable", f"{quoted(self.path)} cannot be run: {next(iter(answer['errors'].values()))}")
        arrays = self._arrays(folder / "outputs.npz")
        found = [[np.ascontiguousarray(arrays[f"{n}.{name}"]) for name in outputs] for n in range(len(cases))]
        return [[torch.from_numpy(array) for array in each] for each in found]

    def _arrays(self, path: Path) -> Arrays:
        try:
            return written_arrays(path)
        except WorkerError as error:
            raise fail("not-importable", f"{quoted(self.path)} cannot be loaded: {error}") from error

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = self._worker.ask(request, TIME_LIMIT)
        except WorkerError as error:
            raise fail("not-importable", f"{quoted(self.path)} cannot be loaded: {error}") from error
        if "failed" in answer:
            raise fail("not-importable", f"{quoted(self.path)}: {str(answer['failed']).splitlines()[0][:300]}")
        return answer

    def close(self) -> None:
        """End the process."""
        self._worker.close()
        self._folder.cleanup()


def _array(value: Tensor) -> Any:
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
