"""Which layer of a TorchScript or ``.pt2`` file has other weights than the module, or gives other values."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphspec.exporting.capture import within
from graphspec.exporting.reference import Arrays, Reference, as_array
from graphspec.shapes.shaped import ShapedGraph
from graphspec.verifying.blame.onnx_blame import first_wrong
from graphspec.verifying.cases import Case
from graphspec.verifying.runtimes.runtime import Runtime, Workers, dtypes_of
from graphspec.verifying.verify_report import Blame

#: The runtimes whose files can be asked for their weights.
WEIGHTED = ("torchscript", "pt2")


def blame_weights(
    runtime: Runtime,
    workers: Workers,
    path: Path,
    reference: Reference,
    shaped: ShapedGraph,
    scratch: Path,
    seconds: float,
) -> Blame | None:
    """The first layer, in the order of execution, with a weight that is not the module's to the last bit.

    Raises:
        WorkerError: the file cannot be read.
    """
    outputs = scratch / "weights.npz"
    request = {"runtime": runtime.name, "model": str(path), "outputs": str(outputs)}
    if "failed" in workers.of(runtime).ask(request, seconds):
        return None
    with np.load(outputs, allow_pickle=False) as file:
        found = {name: file[name] for name in file}
    wrong = _different(found, {name: as_array(value) for name, value in reference.single.state_dict().items()})
    for layer in shaped.layers:
        name = next((name for name in wrong if within(name, layer.module)), None)
        if name:
            return Blame(layer.name, layer.at, f'layer "{layer.name}" has another weight "{name}" than the network')
    return None


def blame_values(
    runtime: Runtime,
    workers: Workers,
    path: Path,
    reference: Reference,
    shaped: ShapedGraph,
    case: Case,
    scratch: Path,
    seconds: float,
) -> Blame | None:
    """The first layer, in the order of execution, whose values on `case` are not the module's.

    Raises:
        WorkerError: the file cannot be run.
    """
    layers: dict[str, list[str]] = {}  # by module: one that is reused belongs to several
    for layer in shaped.layers:
        layers.setdefault(layer.module, []).append(layer.name)
    inputs, outputs = scratch / "calls_inputs.npz", scratch / "calls.npz"
    np.savez(inputs, allow_pickle=False, **{f"0.{name}": as_array(value) for name, value in case.inputs.items()})
    request = {"runtime": runtime.name, "model": str(path), "inputs": str(inputs), "outputs": str(outputs)}
    answer = workers.of(runtime).ask(request | {"modules": list(layers), "dtypes": dtypes_of(shaped)}, seconds)
    if "failed" in answer:
        return None
    with np.load(outputs, allow_pickle=False) as file:
        found = {name: file[name] for name in file}
    leaving: dict[str, list[str]] = {}
    for k, (module, call) in enumerate(answer["calls"]):
        if call < len(layers.get(module, ())):
            leaving.setdefault(layers[module][call], []).append(str(k))
    return first_wrong(leaving, found, reference, shaped, case)


def _different(found: Arrays, own: Arrays) -> list[str]:
    """The names whose tensors differ; a file may leave out what its program does not read."""
    return [name for name, value in found.items() if name in own and value.tobytes() != own[name].tobytes()]
