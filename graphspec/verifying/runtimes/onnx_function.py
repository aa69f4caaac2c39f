"""A published ONNX file as a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor


def onnx_function(path: Path) -> Callable[[Sequence[Tensor]], dict[str, Tensor]]:
    """The model at `path` in onnxruntime, as installed: inputs in order to outputs by name."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs, outputs = ([value.name for value in values] for values in (session.get_inputs(), session.get_outputs()))

    def run(values: Sequence[Tensor]) -> dict[str, Tensor]:
        found = session.run(outputs, {name: value.numpy() for name, value in zip(inputs, values, strict=True)})
        return {name: torch.from_numpy(value) for name, value in zip(outputs, found, strict=True)}

    return run
