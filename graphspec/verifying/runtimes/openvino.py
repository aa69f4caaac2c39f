"""OpenVINO's CPU plugin, kept to float32. Loaded by the worker: this file imports nothing of graphspec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tensors import Arrays, Run


def load(path: str, names: Sequence[str], dtypes: Mapping[str, str]) -> Run:
    """The file as OpenVINO compiles it."""
    import openvino

    core = openvino.Core()
    model = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(inputs: Arrays) -> list[NDArray[Any]]:
        result = model(inputs)
        return [np.array(result[name]) for name in names]

    return run
