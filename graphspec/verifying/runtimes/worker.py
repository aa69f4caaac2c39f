"""Runs exported files in a process of their own; run as a script, it imports nothing of graphspec.

A request is one line of JSON on stdin, its response one line on stdout::

    {"task": "run", "code": FILE OF THE RUNTIME, "options": {…}, "model": PATH, "inputs": PATH.npz, "outputs": PATH.npz,
     "names": [OUTPUT, …], "dtypes": {INPUT: DTYPE, …}, "seconds": LIMIT}
    {"errors": {CASE: MESSAGE, …}}      or      {"failed": MESSAGE}

Arrays are named ``CASE.NAME`` in both files. The task ``weights`` writes the tensors that the model holds;
``steps`` gives its steps, each with the path of its submodule where that is known::

    {"errors": {}, "steps": [[PATH, TEXT], …]}

``calls`` writes what each call of the submodules ``"modules": [PATH, …]`` gives for the only case::

    {"errors": {…}, "calls": [[PATH, NUMBER OF THE CALL], …]}      arrays by their place in that list

``program`` tells what an exported program is made of, and writes its tensors::

    {"errors": {}, "program": {…}}      see pt2_program.py

``precision`` tells what a file's weights were lowered to, ``""`` where to nothing::

    {"errors": {}, "precision": "fp16"}
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def runtime(code: str) -> Any:
    """The module of a runtime, one of the files beside this one, found without the package that they lie in."""
    if "runtimes" not in sys.modules:
        package = types.ModuleType("runtimes")
        package.__path__ = [os.path.dirname(os.path.abspath(__file__))]
        sys.modules["runtimes"] = package
    return importlib.import_module(f"runtimes.{code}")


def read_cases(path: str) -> dict[str, Arrays]:
    """The inputs of each case by name, in forward's order."""
    cases: dict[str, Arrays] = {}
    with np.load(path, allow_pickle=False) as file:
        for key in file:
            case, name = key.split(".", 1)
            cases.setdefault(case, {})[name] = file[key]
    return cases


def run_cases(request: Mapping[str, Any]) -> dict[str, Any]:
    """Run every case and write the outputs."""
    load = runtime(request["code"]).load
    run = load(request["model"], request["names"], request["dtypes"], **request["options"])
    outputs: Arrays = {}
    errors: dict[str, str] = {}
    for case, inputs in read_cases(request["inputs"]).items():
        try:
            values = run(inputs)
            found = {name: _numbers(name, value) for name, value in zip(request["names"], values, strict=True)}
        except Exception as error:  # whatever a runtime raises, it is the response
            errors[case] = f"{type(error).__name__}: {error}"
            continue
        outputs |= {f"{case}.{name}": value for name, value in found.items()}
    _save(request, outputs)
    return {"errors": errors}


def _save(request: Mapping[str, Any], arrays: Arrays) -> None:
    """Write `arrays`; one that repeats a number in memory (a stride of 0) is as large as its shape on the disk."""
    size = sum(array.nbytes for array in arrays.values())
    if os.name == "posix":
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
        if most != resource.RLIM_INFINITY and size > most:
            raise ValueError(f"its tensors are {size:,} bytes, and at most {most:,} are written")
    np.savez(request["outputs"], allow_pickle=False, **arrays)


def _numbers(name: str, value: Any) -> NDArray[Any]:
    """`value` as an array of numbers; a runtime may give text, sequences and maps too."""
    if not isinstance(value, np.ndarray | np.generic) or np.asarray(value).dtype.kind not in "biufc":
        raise TypeError(f"the output {name} is no tensor of numbers")
    return np.asarray(value)


def write_weights(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write the model's tensors."""
    _save(request, runtime(request["code"]).weights(request["model"]))
    return {"errors": {}}


def tell_steps(request: Mapping[str, Any]) -> dict[str, Any]:
    """The model's steps; no arrays."""
    _save(request, {})
    return {"errors": {}, "steps": runtime(request["code"]).steps(request["model"])}


def write_calls(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write what each call of the request's modules gives."""
    import torch

    own, tensors = runtime(request["code"]), runtime("tensors")
    run = own.calls(request["model"], request["modules"])
    (inputs,) = read_cases(request["inputs"]).values()
    with torch.no_grad():
        found = run(*tensors.tensors(inputs, request["dtypes"]))
    arrays = {str(k): tensors.array(value) for k, (_, value) in enumerate(found)}
    _save(request, arrays)
    return {"errors": {}, "calls": [call for call, _ in found]}


def write_program(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write the tensors of an exported program, and tell the rest of it."""
    described, tensors = runtime("pt2_program").program(request["model"])
    _save(request, tensors)
    return {"errors": {}, "program": described}


def tell_precision(request: Mapping[str, Any]) -> dict[str, Any]:
    """The precision of the model's weights; no arrays."""
    _save(request, {})
    return {"errors": {}, "precision": runtime(request["code"]).precision(request["model"])}


TASKS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "run": run_cases, "weights": write_weights, "calls": write_calls, "program": write_program, "steps": tell_steps,
    "precision": tell_precision,
}  # fmt: skip


def serve(request: Mapping[str, Any]) -> dict[str, Any]:
    """The response to a request."""
    try:
        return TASKS[request["task"]](request)
    except Exception as error:  # whatever a runtime raises, it is the response
        return {"failed": f"cannot load the file: {type(error).__name__}: {error}"}


def limit(seconds: float, most_bytes: int) -> None:
    """End this process when it takes more processor time from now on; bound what it allocates and writes (0: as it is).

    It does so itself: its parent could not tell what the limits are before this program has started, and may be gone
    before the time is up.
    """
    if os.name == "posix":
        import resource

        most = int(time.process_time() + seconds * (os.cpu_count() or 1)) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        if most_bytes and sys.platform == "linux":
            hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
            allowed = most_bytes if hard == resource.RLIM_INFINITY else min(most_bytes, hard)
            resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)  # what is written was in memory
            allowed = most_bytes if hard == resource.RLIM_INFINITY else min(most_bytes, hard)
            resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, hard))


def main() -> None:
    """Import the modules that the arguments name, and serve requests until stdin ends.

    Libraries that print do so on stderr.
    """
    sys.modules["graphspec"] = None  # type: ignore[assignment]  # an import of it is an error here
    gc.disable()  # what is imported stays: to look through it again and again takes a sixth of torch's import
    for name in sys.argv[1:]:  # while the parent still writes the files
        importlib.import_module(name)
    gc.freeze()
    gc.enable()
    responses = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        limit(request["seconds"], request["memory"])
        print(json.dumps(serve(request)), file=responses, flush=True)


if __name__ == "__main__":
    main()
