"""Which layer of an ONNX file leaves the module's values first.

The file is run once more with one extra output for every value that leaves a layer, and the module's own values are
taken layer by layer; the first layer, in the order of execution, whose values differ by more than rounding is at fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from graphspec.exporting.onnx import LAYER_KEY
from graphspec.exporting.reference import Arrays, Reference
from graphspec.shapes.shaped import ShapedGraph
from graphspec.system.free_memory import at_most
from graphspec.verifying.blame.layer_values import Values, layer_values, with_rounding
from graphspec.verifying.cases import Case
from graphspec.verifying.local_functions import check_functions
from graphspec.verifying.rule import Status, judge
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.child import WorkerError
from graphspec.verifying.runtimes.runtime import Runtime
from graphspec.verifying.verify_report import Blame

#: Bytes that the inference of shapes may take beside what this process has.
MOST_INFERRED = 1 << 30


def blame_onnx(
    runtime: Runtime, path: Path, reference: Reference, case: Case, runner: Runner, among: Container[str] | None = None
) -> Blame | None:
    """Find the layer of the ONNX file at `path` that gives something else in `runtime` on `case`; None where
    none shows.

    `among` names the layers that are looked at; all of them without.
    """
    import onnx

    try:
        shaped, model = runner.shaped, onnx.load(str(path))
    except Exception:  # protobuf's own error, or one of external data: no layers are known
        return None
    layers = layers_of_nodes(model.graph)
    leaving = values_leaving(model.graph, layers)
    looked_at = {layer: names for layer, names in leaving.items() if among is None or layer in among}
    if not looked_at:
        return None
    present = {value.name for value in model.graph.output}
    names = list(dict.fromkeys(name for values in looked_at.values() for name in values))
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in present)
    probe, inputs = runner.scratch / "probe.onnx", runner.write("probe_inputs.npz", [case.inputs])
    onnx.save(model, str(probe))
    try:
        outputs = runner.run(runtime, probe, inputs, names)
        problem = outputs.errors.get("0")
    except WorkerError as error:
        problem = str(error)
    if problem:
        return _wrong_shape(model, leaving, shaped) or blame_message(problem, layers, shaped)
    return first_wrong(looked_at, outputs.of(0), reference, shaped, case)


def layers_of_nodes(graph: Any) -> dict[str, str]:
    """Node → its layer, as the exporter noted it."""
    return {node.name: prop.value for node in graph.node for prop in node.metadata_props if prop.key == LAYER_KEY}


def blame_unloadable(path: Path, problem: str, shaped: ShapedGraph) -> Blame | None:
    """The layer at fault in a file that cannot be loaded: by inferred shapes, else the one that `problem` names."""
    import onnx

    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception:  # protobuf's own error: no ONNX file, so no layers
        return None
    layers = layers_of_nodes(model.graph)
    return _wrong_shape(model, values_leaving(model.graph, layers), shaped) or blame_message(problem, layers, shaped)


def _wrong_shape(model: Any, leaving: Mapping[str, Sequence[str]], shaped: ShapedGraph) -> Blame | None:
    """The first layer with a value whose inferred shape is none of those that the layer has."""
    import onnx

    try:
        check_functions(model)
        with at_most(MOST_INFERRED):  # a stranger's file may name dims by the billion
            graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:  # onnx's own error: its shapes contradict each other, or are too many
        return None
    shapes = {
        value.name: value.type.tensor_type.shape.dim for value in graph.value_info if value.type.tensor_type.elem_type
    }
    floats = {value.name for value in graph.value_info if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
    for layer in shaped.layers:
        for name in leaving.get(layer.name, ()):
            found = [dim.dim_value or None for dim in shapes.get(name, ())]
            wanted = [kind.shape for kind in layer.outputs.values()]
            if name in floats and not any(_may_be(found, shape) for shape in wanted):
                return Blame(layer.name, layer.at, f'layer "{layer.name}" is the first of another shape')
    return None


def _may_be(found: Sequence[int | None], shape: Sequence[Any]) -> bool:
    """Whether a shape, in parts unknown, may be `shape`, in parts symbolic."""
    pairs = zip(found, shape, strict=False)
    return len(found) == len(shape) and all(
        known is None or not isinstance(dim, int) or known == dim for known, dim in pairs
    )


def blame_message(problem: str, layers: Mapping[str, str], shaped: ShapedGraph) -> Blame | None:
    """The layer of the node that a runtime names in `problem`."""
    named = sorted((node for node in layers if node in problem), key=len)
    layer = next((layer for layer in shaped.layers if named and layer.name == layers[named[-1]]), None)
    return Blame(layer.name, layer.at, f'layer "{layer.name}" cannot be run') if layer else None


def values_leaving(graph: Any, layers: Mapping[str, str]) -> dict[str, list[str]]:
    """Layer → the values of its nodes that other layers or the model's outputs read, in order."""
    readers: dict[str, set[str | None]] = defaultdict(set)
    for node in graph.node:
        for name in node.input:
            readers[name].add(layers.get(node.name))
    for output in graph.output:
        readers[output.name].add(None)
    found: dict[str, list[str]] = {}
    for node in graph.node:
        layer = layers.get(node.name)
        if layer:
            found.setdefault(layer, []).extend(name for name in node.output if name and readers[name] - {layer})
    return found


def first_wrong(
    leaving: Mapping[str, Sequence[str]], found: Arrays, reference: Reference, shaped: ShapedGraph, case: Case
) -> Blame | None:
    """The first layer, in the order of execution, with a value that is not the module's.

    Args:
        leaving: the names of each layer's values.
        found: what the file gave under those names.
    """
    own, rounded = layer_values(reference, case, leaving), False
    for layer in shaped.layers:
        for name in leaving.get(layer.name, ()):
            reason = _wrong(found[name], own[layer.name])
            if reason and not rounded:
                own, rounded = with_rounding(own, reference, case, leaving), True
                reason = _wrong(found[name], own[layer.name])
            if reason:
                return Blame(layer.name, layer.at, f'layer "{layer.name}" is the first that differs: {reason}')
    return None


def _wrong(candidate: NDArray[Any], values: Values) -> str:
    """Why `candidate` is none of a layer's `values`; empty where it is one, or where it is no value but a size."""
    alike = [value for value in values if value[1].dtype == candidate.dtype]
    fitting = [value for value in alike if value[1].shape == candidate.shape]
    if not alike:
        return ""
    if not fitting:
        shapes = ", ".join(str(single.shape) for _, single, _, _ in alike)
        return f"shape {candidate.shape} instead of {shapes}"
    judged = [judge(candidate, double, single, noise, unit=unit) for double, single, noise, unit in fitting]
    wrong = all(judgement.status is Status.FAIL for judgement in judged)
    return min(judged, key=lambda judgement: judgement.error).reason if wrong else ""
