"""TorchScript in a C++ program, linked with the libtorch that the installed torch brings along."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graphspec.exporting.reference import Arrays, as_array
from graphspec.system.scratch import ScratchFolder
from graphspec.system.user_cache import user_cache
from graphspec.verifying.runtimes.child import WorkerError
from graphspec.verifying.runtimes.needs import COMPILER, HERE
from graphspec.verifying.runtimes.process import run
from graphspec.verifying.runtimes.worker import read_cases

SOURCE = HERE / "libtorch.cpp"


def run_libtorch(request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Run the TorchScript file on all cases, compiling the program where this torch has none yet.

    Raises:
        WorkerError: it does not compile, crashes, or takes more than `seconds`.
    """
    start = time.perf_counter()
    folder = Path(request["outputs"]).parent
    inputs, outputs = folder / "libtorch_inputs.pt", folder / "libtorch_outputs.pt"
    torch.save(_tensors(read_cases(request["inputs"]), request["dtypes"]), inputs)
    program = compiled(folder, seconds)
    code, printed = run([program, request["model"], inputs, outputs], seconds - (time.perf_counter() - start))
    if code:
        return {"failed": _message(printed)}
    arrays: Arrays = {}
    errors: dict[str, str] = {}
    for case, name, value in torch.load(outputs, weights_only=True):
        if isinstance(value, torch.Tensor):
            arrays[f"{case}.{name or request['names'][0]}"] = as_array(value)
        else:
            errors[case] = _message(value)
    np.savez(request["outputs"], allow_pickle=False, **arrays)
    return {"errors": errors}


def _tensors(cases: Mapping[str, Arrays], dtypes: Mapping[str, str]) -> dict[str, dict[str, torch.Tensor]]:
    """numpy has no bfloat16: such inputs come as float32."""
    made = {case: {name: torch.from_numpy(array) for name, array in arrays.items()} for case, arrays in cases.items()}
    return {
        case: {name: tensor.bfloat16() if dtypes[name] == "bfloat16" else tensor for name, tensor in tensors.items()}
        for case, tensors in made.items()
    }


def _message(text: str) -> str:
    """The line that says what was wrong; libtorch puts its own backtrace after it."""
    lines = text.partition("\nException raised from")[0].strip().splitlines()
    return lines[-1] if lines else "no message"


def command(source: Path, program: Path) -> list[str]:
    """What compiles `source`. torch's own CMake package asks for CUDA's where the wheel was built with it."""
    root = Path(torch.__file__).parent
    include, libraries = root / "include", root / "lib"
    return [
        COMPILER.path or "c++", "-std=c++20", f"-I{include}", f"-I{include / 'torch/csrc/api/include'}",
        str(source), "-o", str(program), f"-L{libraries}", f"-Wl,-rpath,{libraries}", "-ltorch", "-ltorch_cpu", "-lc10",
    ]  # fmt: skip


def compiled(scratch: Path, seconds: float) -> Path:
    """The program, from the user's cache where it was compiled for this torch before; else in `scratch` at the worst.

    Raises:
        WorkerError: it does not compile.
    """
    key = [torch.__version__, SOURCE.read_text(encoding="utf-8"), *command(SOURCE, Path("program"))]
    name = f"libtorch-{torch.__version__}-{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}"
    folder = user_cache() or scratch
    program = folder / name
    if program.is_file():
        return program
    with ScratchFolder(folder) as made:
        part = Path(made) / "program"
        code, printed = run(command(SOURCE, part), seconds)
        if code:
            fault = next((line for line in printed.splitlines() if "error" in line), printed.strip())
            raise WorkerError(f"the C++ program does not compile: {fault}")
        part.replace(program)
    return program
