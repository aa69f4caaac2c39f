"""ExecuTorch's runtime with XNNPACK. Loaded by the worker: this file imports nothing of graphspec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from .tensors import Arrays, Run, array, tensors


def load(path: str, names: Sequence[str], dtypes: Mapping[str, str]) -> Run:
    """The file as users run it; its outputs are in the order of `names`."""
    from executorch.runtime import Runtime

    method = Runtime.get().load_program(path).load_method("forward")

    def run(inputs: Arrays) -> list[NDArray[Any]]:
        given = [tensor.contiguous() for tensor in tensors(inputs, dtypes)]
        return [array(value).copy() for value in method.execute(given)]  # it writes the next answer over this one

    return run


def precision(path: str) -> str:
    """Empty: a program tells no weights of XNNPACK's, so that one in lower precision is refused by its outputs."""
    return ""
