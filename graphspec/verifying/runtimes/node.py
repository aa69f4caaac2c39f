"""onnxruntime-node: the ONNX file in Node.js. Tensors pass as safetensors, which JavaScript reads in a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from graphspec.verifying.runtimes.needs import HERE, NODE, NPM_FOLDER
from graphspec.verifying.runtimes.process import run


def run_node(request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Run the ONNX file on all cases.

    Raises:
        WorkerError: Node.js crashes, or takes more than `seconds`.
    """
    folder = Path(request["outputs"]).parent
    inputs, outputs = folder / "node_inputs.safetensors", folder / "node_outputs.safetensors"
    write_inputs(request["inputs"], inputs)
    command = [NODE.path or "node", HERE / "node.js", request["model"], inputs, outputs]
    code, printed = run(command, seconds, {"NODE_PATH": str(NPM_FOLDER / "node_modules")})
    if code:
        return {"failed": f"cannot load the file: {_message(printed)}"}
    errors = read_outputs(outputs, request["outputs"])
    return {"errors": errors}


def _message(printed: str) -> str:
    lines = [line for line in printed.splitlines() if line.strip()]
    return next((line for line in lines if "Error" in line), lines[-1] if lines else "no message")


def write_inputs(cases: str, path: Path) -> None:
    """Write the ``.npz`` file of cases as safetensors: the same names."""
    with np.load(cases, allow_pickle=False) as file:
        save_file({key: np.ascontiguousarray(file[key]) for key in file}, path)


def read_outputs(path: Path, outputs: str) -> dict[str, str]:
    """Write the outputs in `path` as ``.npz`` to `outputs`; returns the errors by case, which are its metadata."""
    with safe_open(path, framework="np") as file:
        np.savez(outputs, allow_pickle=False, **{key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
        return dict(file.metadata() or {})
