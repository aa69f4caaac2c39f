"""Runs exported files in a process of their own; run as a script, it imports nothing of graphspec.

A request is one line of JSON on stdin, its answer one line on stdout::

    {"runtime": "onnxruntime", "model": PATH, "inputs": PATH.npz, "outputs": PATH.npz,
     "names": [OUTPUT, …], "dtypes": {INPUT: DTYPE, …}}
    {"seconds": {"load": …, "run": …}, "errors": {CASE: MESSAGE, …}}      or      {"failed": MESSAGE}

Arrays are named ``CASE.NAME`` in both files. A request without inputs asks a TorchScript or ``.pt2`` file for its
weights; one with ``"modules": [PATH, …]`` asks it for what each call of those submodules gives, for its only case::

    {"seconds": {…}, "errors": {…}, "calls": [[PATH, NUMBER OF THE CALL], …]}      arrays by their place in that list
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
Run = Callable[[Arrays], list[NDArray[Any]]]
#: A submodule's dotted path and how many calls of it came before.
Call = tuple[str, int]


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

    def run(inputs: Arrays) -> list[NDArray[Any]]:
        with torch.no_grad():
            result = model(*_tensors(inputs, dtypes))
        return list(map(_array, [result[name] for name in names] if isinstance(result, dict) else [result]))

    return run


def _tensors(inputs: Arrays, dtypes: Mapping[str, str]) -> list[Any]:
    import torch

    kinds = {str(kind).removeprefix("torch."): kind for kind in (torch.float16, torch.bfloat16, torch.float32)}
    tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
    return [tensor.to(kinds.get(dtypes[name], tensor.dtype)) for name, tensor in tensors.items()]


def _array(tensor: Any) -> NDArray[Any]:
    import torch

    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


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
    return {name: _array(value) for name, value in state.items()}


def torchscript_calls(path: str, modules: list[str]) -> Callable[..., list[tuple[Call, Any]]]:
    """A function of a TorchScript file's inputs that gives the tensors of each call in its ``forward``, in order."""
    import torch

    model = torch.jit.load(path)
    graph = model.graph.copy()
    calls: list[Call] = []
    copies: list[Any] = []
    for node in list(graph.nodes()):
        if node.kind() == "prim::CallMethod":
            module = ".".join(_attributes(node.inputsAt(0)))
            call = module, len({number for name, number in calls if name == module})
            own = list(_copied(graph, node.output(), node))
            calls, copies = calls + [call] * len(own), copies + own
    result = graph.create("prim::ListConstruct", copies, 1)
    result.output().setType(torch._C.ListType.ofTensors())
    graph.insertNode(result)
    graph.eraseOutput(0)
    graph.registerOutput(result.output())
    run = torch._C._create_function_from_graph("calls", graph)
    return lambda *tensors: list(zip(calls, run(model, *tensors), strict=True))


def _attributes(value: Any) -> list[str]:
    """The names by which a value of a graph is reached from the module itself."""
    node = value.node()
    return [*_attributes(node.inputsAt(0)), node.s("name")] if node.kind() == "prim::GetAttr" else []


def _copied(graph: Any, value: Any, after: Any) -> Iterator[Any]:
    """Copies of the tensors in `value`, made at once, for a later call may work in place."""
    if value.type().kind() == "TensorType":
        node = graph.create("aten::alias_copy", [value], 1)
        node.insertAfter(after)
        yield node.output()
    elif value.type().kind() == "TupleType":
        types = value.type().elements()
        node = graph.create("prim::TupleUnpack", [value], len(types))
        node.insertAfter(after)
        for item, kind in zip(node.outputs(), types, strict=True):
            item.setType(kind)
            yield from _copied(graph, item, node)


def pt2_calls(path: str, modules: list[str]) -> Callable[..., list[tuple[Call, Any]]]:
    """As :func:`torchscript_calls`, for a ``.pt2`` file: the tensors that leave each of `modules`."""
    import torch

    program = torch.export.load(path).module()
    found: list[tuple[Call, Any]] = []

    class Recorder(torch.fx.Interpreter):
        def run_node(self, node: Any) -> Any:
            value, call = super().run_node(node), _origin(node, modules)
            if call and isinstance(value, torch.Tensor) and any(_origin(user, modules) != call for user in node.users):
                found.append((call, value.clone()))
            return value

    def run(*tensors: Any) -> list[tuple[Call, Any]]:
        Recorder(program).run(*tensors)
        return found

    return run


def _origin(node: Any, modules: list[str]) -> Call | None:
    """The innermost of `modules` that a node of an exported program came from; ``fc@1`` is a second call of ``fc``."""
    stack = [(key, path) for key, (path, _) in (node.meta.get("nn_module_stack") or {}).items()]
    for key, path in reversed(stack):
        module = next((name for name in modules if path == name or path.startswith(f"{name}.")), None)
        if module is not None:
            own = next((key for key, path in stack if path == module), key)
            _, _, call = own.partition("@")
            return module, int(call) if call.isdigit() else 0
    return None


CALLS = {"torchscript": torchscript_calls, "pt2": pt2_calls}


def serve_calls(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write what each call of the request's modules gives."""
    import torch

    run = CALLS[request["runtime"]](request["model"], request["modules"])
    (inputs,) = read_cases(request["inputs"]).values()
    with torch.no_grad():
        found = run(*_tensors(inputs, request["dtypes"]))
    arrays = {str(k): _array(value) for k, (_, value) in enumerate(found)}
    np.savez(request["outputs"], allow_pickle=False, **arrays)
    return {"seconds": {}, "errors": {}, "calls": [call for call, _ in found]}


def read_cases(path: str) -> dict[str, Arrays]:
    """The inputs of each case by name, in forward's order."""
    cases: dict[str, Arrays] = {}
    with np.load(path, allow_pickle=False) as file:
        for key in file:
            case, name = key.split(".", 1)
            cases.setdefault(case, {})[name] = file[key]
    return cases


def serve(request: Mapping[str, Any]) -> dict[str, Any]:
    """Load the model, run every case, write the outputs; or write its weights or what its modules give."""
    start = time.perf_counter()
    try:
        if "inputs" not in request:
            arrays = torch_weights(request["runtime"], request["model"])
            np.savez(request["outputs"], allow_pickle=False, **arrays)
            return {"seconds": {"load": time.perf_counter() - start}, "errors": {}}
        if "modules" in request:
            return serve_calls(request)
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
