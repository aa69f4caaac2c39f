"""Which layer of a TorchScript or ``.pt2`` file has other weights than the module, or gives other values."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from graphspec.exporting.reference import Arrays, Reference, as_array
from graphspec.module.names import within
from graphspec.verifying.blame.onnx_blame import first_wrong
from graphspec.verifying.cases import Case
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.runtime import Runtime
from graphspec.verifying.verify_report import Blame


def find(
    runtime: Runtime, path: Path, reference: Reference, case: Case, runner: Runner, among: Collection[str] | None = None
) -> Blame | None:
    """The layer by its weights, else by its values on `case`: not `among` some, for their code is the same on all."""
    found = blame_weights(runtime, path, reference, runner)
    return found if found or among is not None else blame_values(runtime, path, reference, case, runner)


def blame_weights(runtime: Runtime, path: Path, reference: Reference, runner: Runner) -> Blame | None:
    """The first layer, in the order of execution, with a weight that is not the module's to the last bit.

    Raises:
        WorkerError: the file cannot be read.
    """
    found = runner.weights(runtime, path)
    module = reference.single
    own = {**dict(module.named_buffers()), **module.state_dict()}  # a buffer that is not saved is in the files too
    wrong = _different(found, {name: as_array(value) for name, value in own.items()})
    for layer in runner.shaped.layers:
        name = next((name for name in wrong if within(name, layer.module)), None)
        if name:
            return Blame(layer.name, layer.at, f'layer "{layer.name}" has another weight "{name}" than the network')
    return None


def blame_values(runtime: Runtime, path: Path, reference: Reference, case: Case, runner: Runner) -> Blame | None:
    """The first layer, in the order of execution, whose values on `case` are not the module's.

    Raises:
        WorkerError: the file cannot be run.
    """
    layers: dict[str, list[str]] = {}  # by module: one that is reused belongs to several
    for layer in runner.shaped.layers:
        layers.setdefault(layer.module, []).append(layer.name)
    calls, found = runner.calls(runtime, path, case.inputs, list(layers))
    leaving: dict[str, list[str]] = {}
    for k, (module, call) in enumerate(calls):
        if call < len(layers.get(module, ())):
            leaving.setdefault(layers[module][call], []).append(str(k))
    return first_wrong(leaving, found, reference, runner.shaped, case)


def _different(found: Arrays, own: Arrays) -> list[str]:
    """The names whose tensors differ; a file may leave out what its program does not read."""
    return [name for name, value in found.items() if name in own and value.tobytes() != own[name].tobytes()]
