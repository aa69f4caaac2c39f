"""A published ONNX file as a function: it may be a stranger's, so it runs in a worker with limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphspec.diagnostics import Diagnostic, VerificationError, quoted
from graphspec.ops.arguments import dtype_name
from graphspec.shapes.shaped import ShapedGraph, TensorType
from graphspec.system.closing import Closing
from graphspec.verifying.needed_memory import sizes_of
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.child import WorkerError
from graphspec.verifying.runtimes.runtime import ONNXRUNTIME
from graphspec.verifying.runtimes.workers import Workers

#: Seconds that one call may take.
TIME_LIMIT = 25.0


class OnnxFunction(Closing):
    """The model at `path` in onnxruntime, as installed: inputs in order to outputs by name. Use as a context.

    Args:
        path: an ONNX file that claims to be the network `shaped`.
        shaped: its inputs and outputs.
    """

    def __init__(self, path: Path, shaped: ShapedGraph, seconds: float = TIME_LIMIT) -> None:
        self._path, self._shaped = path, shaped
        self._runner = Runner(shaped, Workers(()), seconds)

    def __call__(self, values: Sequence[Tensor]) -> dict[str, Tensor]:
        """Run the model.

        Raises:
            VerificationError: ``runtime-failed`` where it does not run within its limits, or gives outputs of other
                dtypes or numbers of dims than the network has.
        """
        inputs = dict(zip(self._shaped.inputs, values, strict=True))
        self._runner.limit_memory([inputs])
        try:
            outputs = self._runner.run(ONNXRUNTIME, self._path, self._runner.write("inputs.npz", [inputs]))
        except WorkerError as error:
            raise self._failed(str(error)) from error
        if outputs.errors:
            raise self._failed(outputs.errors["0"])
        found, sizes = outputs.of(0), sizes_of(self._shaped, inputs)
        for name, kind in self._shaped.output_types.items():
            if not _fits(found[name], kind, sizes):
                shape = " × ".join(map(str, found[name].shape)) or "a single number,"
                raise self._failed(f"the output {quoted(name)} is {shape} {found[name].dtype}, not the network's")
        return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in found.items()}

    def _failed(self, reason: str) -> VerificationError:
        line = (reason.strip().splitlines() or ["no message"])[0]
        return VerificationError([Diagnostic("runtime-failed", f"{self._path.name} in onnxruntime: {line}")])

    def close(self) -> None:
        """End the worker."""
        self._runner.close()


def _fits(value: NDArray[Any], kind: TensorType, sizes: Mapping[str, int]) -> bool:
    """Whether `value` has the dtype and the shape that the network says, as far as `sizes` tell."""
    if str(value.dtype) != dtype_name(kind.dtype) or value.ndim != len(kind.shape):
        return False
    known = [
        (size, dim if isinstance(dim, int) else sizes.get(str(dim)))
        for size, dim in zip(value.shape, kind.shape, strict=True)
    ]
    return all(wanted is None or size == wanted for size, wanted in known)
