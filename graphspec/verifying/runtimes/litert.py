"""LiteRT's interpreter with XNNPACK. Loaded by the worker: this file imports nothing of graphspec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tensors import Arrays, Run


def load(path: str, names: Sequence[str], dtypes: Mapping[str, str]) -> Run:
    """The file as users run it, by its one signature."""
    from ai_edge_litert.interpreter import Interpreter

    model = Interpreter(model_path=path, num_threads=1).get_signature_runner()

    def run(inputs: Arrays) -> list[NDArray[Any]]:
        values = model(**inputs)
        return [np.array(values[name]) for name in names]

    return run


def precision(path: str) -> str:
    """What tensors of the file were lowered to: ``"int8"`` where some are quantised, else ``"fp16"``, or ``""``."""
    from ai_edge_litert.interpreter import Interpreter

    tensors = Interpreter(model_path=path, num_threads=1).get_tensor_details()
    if any(len(tensor["quantization_parameters"]["scales"]) for tensor in tensors):
        return "int8"
    return "fp16" if any(tensor["dtype"] is np.float16 for tensor in tensors) else ""
