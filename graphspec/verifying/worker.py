"""Runs exported files in a process of their own; run as a script, it imports nothing of graphspec.

A request is one line of JSON on stdin, its answer one line on stdout::

    {"runtime": "onnxruntime", "model": PATH, "inputs": PATH.npz, "outputs": PATH.npz,
     "names": [OUTPUT, …], "dtypes": {INPUT: DTYPE, …}}
    {"seconds": {"load": …, "run": …}, "errors": {CASE: MESSAGE, …}}      or      {"failed": MESSAGE}

Arrays are named ``CASE.NAME`` in both files.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
Run = Callable[[Arrays], list[NDArray[Any]]]


def load_onnxruntime(path: str, names: list[str], dtypes: Mapping[str, str], optimised: bool = True) -> Run:
    """onnxruntime's CPU provider, as installed or with its graph optimiser off."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(names, inputs)


def load_onnxruntime_unoptimised(path: str, names: list[str], dtypes: Mapping[str, str]) -> Run:
    """onnxruntime's CPU provider, every node as it is written in the file."""
    return load_onnxruntime(path, names, dtypes, optimised=False)


def load_torchscript(path: str, names: list[str], dtypes: Mapping[str, str]) -> Run:
    """libtorch's TorchScript interpreter."""
    import torch

    return _torch_runner(torch.jit.load(path), names, dtypes)


def load_pt2(path: str, names: list[str], dtypes: Mapping[str, str]) -> Run:
    """A reloaded torch.export program."""
    import torch

    return _torch_runner(torch.export.load(path).module(), names, dtypes)


def load_aoti(path: str, names: list[str], dtypes: Mapping[str, str]) -> Run:
    """Machine code that AOTInductor made. It runs with all rights of this process: for own files only."""
    from torch._inductor import aoti_load_package

    return _torch_runner(aoti_load_package(path), names, dtypes)


def _torch_runner(model: Any, names: list[str], dtypes: Mapping[str, str]) -> Run:
    import torch

    kinds = {str(kind).removeprefix("torch."): kind for kind in (torch.float16, torch.bfloat16, torch.float32)}

    def run(inputs: Arrays) -> list[NDArray[Any]]:
        tensors = [torch.from_numpy(array) for array in inputs.values()]
        tensors = [
            tensor.to(kinds.get(dtypes[name], tensor.dtype)) for name, tensor in zip(inputs, tensors, strict=True)
        ]
        with torch.no_grad():
            result = model(*tensors)
        values = [result[name] for name in names] if isinstance(result, dict) else [result]
        return [(value.float() if value.dtype == torch.bfloat16 else value).numpy() for value in values]

    return run


def load_onnx_reference(path: str, names: list[str], dtypes: Mapping[str, str]) -> Run:
    """ONNX's own definition of its operators, in numpy."""
    from onnx.reference import ReferenceEvaluator

    session = ReferenceEvaluator(path)
    return lambda inputs: list(session.run(names, inputs))


def load_openvino(path: str, names: list[str], dtypes: Mapping[str, str]) -> Run:
    """OpenVINO's CPU plugin, kept to float32."""
    import openvino

    core = openvino.Core()
    model = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(inputs: Arrays) -> list[NDArray[Any]]:
        result = model(inputs)
        return [np.array(result[name]) for name in names]

    return run


def load_opencv(path: str, names: list[str], dtypes: Mapping[str, str]) -> Run:
    """OpenCV's dnn module."""
    import cv2

    def run(inputs: Arrays) -> list[NDArray[Any]]:
        net = cv2.dnn.readNetFromONNX(path)  # one for each size: it plans for the first it sees
        for name, value in inputs.items():
            net.setInput(value, name)
        return [np.array(value) for value in net.forward(names)]

    cv2.dnn.readNetFromONNX(path)
    return run


def load_tract(path: str, names: list[str], dtypes: Mapping[str, str]) -> Run:
    """tract, an inference engine in Rust."""
    import tract

    model = tract.onnx().load(path).into_model().into_runnable()
    return lambda inputs: [value.to_numpy() for value in model.run(list(inputs.values()))]  # it renames its outputs


#: Every runtime by name: how it loads a file.
LOADERS: dict[str, Callable[[str, list[str], Mapping[str, str]], Run]] = {
    "onnxruntime": load_onnxruntime,
    "onnxruntime, unoptimised": load_onnxruntime_unoptimised,
    "torchscript": load_torchscript,
    "pt2": load_pt2,
    "aoti": load_aoti,
    "onnx.reference": load_onnx_reference,
    "openvino": load_openvino,
    "opencv": load_opencv,
    "tract": load_tract,
}


def torch_weights(runtime: str, path: str) -> Arrays:
    """The tensors that a TorchScript or ``.pt2`` file holds, by the names that the module has for them."""
    import torch

    state = torch.jit.load(path).state_dict() if runtime == "torchscript" else torch.export.load(path).state_dict
    return {name: (value.float() if value.dtype == torch.bfloat16 else value).numpy() for name, value in state.items()}


def read_cases(path: str) -> dict[str, Arrays]:
    """The inputs of each case by name, in forward's order."""
    cases: dict[str, Arrays] = {}
    with np.load(path, allow_pickle=False) as file:
        for key in file:
            case, name = key.split(".", 1)
            cases.setdefault(case, {})[name] = file[key]
    return cases


def serve(request: Mapping[str, Any]) -> dict[str, Any]:
    """Load the model, run every case, write the outputs; or write its weights, where the request has no inputs."""
    start = time.perf_counter()
    try:
        if "inputs" not in request:
            arrays = torch_weights(request["runtime"], request["model"])
            np.savez(request["outputs"], allow_pickle=False, **arrays)
            return {"seconds": {"load": time.perf_counter() - start}, "errors": {}}
        run = LOADERS[request["runtime"]](request["model"], request["names"], request["dtypes"])
    except Exception as error:  # whatever a runtime raises, it is the answer
        return {"failed": f"cannot load the file: {type(error).__name__}: {error}"}
    loaded = time.perf_counter()
    outputs: Arrays = {}
    errors: dict[str, str] = {}
    for case, inputs in read_cases(request["inputs"]).items():
        try:
            values = run(inputs)
        except Exception as error:  # as above
            errors[case] = f"{type(error).__name__}: {error}"
            continue
        outputs |= {f"{case}.{name}": np.asarray(value) for name, value in zip(request["names"], values, strict=True)}
    np.savez(request["outputs"], allow_pickle=False, **outputs)
    return {"seconds": {"load": loaded - start, "run": time.perf_counter() - loaded}, "errors": errors}


def limit_memory(most_bytes: int) -> None:
    """End this process rather than the machine when a model asks for more."""
    if os.name == "posix":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))


def main() -> None:
    """Answer requests until stdin ends. Libraries that print do so on stderr."""
    sys.modules["graphspec"] = None  # type: ignore[assignment]  # an import of it is an error here
    limit_memory(int(sys.argv[1]))
    if "torchscript" in sys.argv[2:]:  # while the parent still writes the files
        import torch
    if "pt2" in sys.argv[2:]:
        import torch.export.pt2_archive  # noqa: F401
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
