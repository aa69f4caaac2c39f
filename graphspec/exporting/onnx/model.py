"""The capture as one ONNX file: the spec's names, no machine's paths, and each node's layer in its metadata."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from graphspec.diagnostics import Diagnostic, GraphspecError, fail
from graphspec.exporting.capture import Capture, first_line, without_stack_traces
from graphspec.exporting.layer_map import layers_of_nodes
from graphspec.exporting.onnx.kernels import widen
from graphspec.exporting.onnx.unparsed import unparsed
from graphspec.exporting.open_shapes import open_sequences
from graphspec.shapes.shaped import ShapedGraph, TensorType
from graphspec.system.collecting import uncollected
from graphspec.system.quiet import quiet

if TYPE_CHECKING:
    import onnx_ir as ir

#: protobuf's limit is 2 GiB for a message; above this the weights go to a file beside the model.
MOST_BYTES = 2_000_000_000
#: The key of a node's metadata that holds the name of its layer.
LAYER_KEY = "graphspec.layer"


def write_onnx(
    capture: Capture, path: Path, opset_version: int, metadata: Mapping[str, str], most_bytes: int = MOST_BYTES
) -> dict[str, str]:
    """Write `capture` to `path` and return its layer map; see :func:`onnx_model` and :func:`save`."""
    model = onnx_model(capture, opset_version, metadata)
    save(model, path, most_bytes)
    return layer_map(model)


@uncollected()
def onnx_model(capture: Capture, opset_version: int, metadata: Mapping[str, str]) -> ir.Model:
    """`capture` as an ONNX model; inputs, outputs and dynamic dims have the spec's names, in the spec's order.

    `metadata` becomes the model's ``metadata_props``.

    Raises:
        GraphspecError: ``not-exportable`` where torch has no ONNX for a layer, or another opset than asked came out.
    """
    program = _convert(capture, opset_version)
    model = program.model
    _cast_outputs(model, capture)
    _simplify(model)
    lacking = widen(model)
    _name_values(model, capture)
    _name_dims(model, capture)
    assert program.exported_program is not None
    _map_layers(model, program.exported_program.graph, capture.shaped)
    if lacking:
        raise _without_kernels(lacking, capture.shaped)
    model.metadata_props.clear()
    model.metadata_props.update(metadata)
    model.graph.name = capture.shaped.spec.name
    return model


def save(model: ir.Model, path: Path, most_bytes: int = MOST_BYTES) -> None:
    """Write `model` to `path`; weights larger than `most_bytes` go to ``<path>.data``."""
    import onnx_ir as ir

    weights = sum(value.const_value.nbytes for value in model.graph.initializers.values() if value.const_value)
    ir.save(model, path, external_data=f"{path.name}.data" if weights > most_bytes else None)


def layer_map(model: ir.Model) -> dict[str, str]:
    """Node name → layer name."""
    layers = {node.name: node.metadata_props.get(LAYER_KEY) for node in model.graph}
    return {name: layer for name, layer in layers.items() if name and layer}


def _convert(capture: Capture, opset_version: int) -> torch.onnx.ONNXProgram:
    from graphspec.exporting.onnx.translations import translations

    try:
        with quiet(), open_sequences(), without_stack_traces(), unparsed():
            program = torch.onnx.export(
                capture.program, (), None, dynamo=True, opset_version=opset_version, verbose=False, optimize=False,
                custom_translation_table=translations(),
            )  # fmt: skip
    except Exception as error:  # the exporter wraps whatever a layer's translation raised
        raise _refused(capture, error) from error
    assert program is not None
    written = program.model.opset_imports[""]
    if written != opset_version:
        message = f"torch wrote ONNX opset {written}, not {opset_version}"
        raise fail("not-exportable", message, at=("export", "opset_version"), hint=f"opset_version = {written}")
    return program


def _simplify(model: ir.Model) -> None:
    """Fold what is constant, and no more: the exporter's optimiser fuses layers, which runtimes do for themselves."""
    from onnx_ir.passes import common
    from onnxscript import optimizer

    with quiet():
        optimizer.fold_constants(model)
    common.RemoveUnusedNodesPass()(model)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    common.NameFixPass()(model)


def _refused(capture: Capture, error: BaseException) -> GraphspecError:
    """`error` as a diagnostic at the layer whose operator has no ONNX translation."""
    texts = []
    cause: BaseException | None = error
    while cause is not None:
        texts.append(str(cause))
        cause = cause.__cause__
    text = "\n".join(texts)
    layers = layers_of_nodes(capture.program.graph, capture.shaped)
    named = re.search(r"%(\w+) : \[num_users", text)
    name = layers.get(named[1]) if named else None
    name = name or _layer_of_operator(capture, text)
    layer = next((layer for layer in capture.shaped.layers if layer.name == name), None)
    where = layer or "the network"
    message = f"{where} cannot be written as ONNX: {first_line(RuntimeError(texts[-1]))}"
    return fail("not-exportable", message, at=layer.at if layer else ())


def _layer_of_operator(capture: Capture, text: str) -> str | None:
    """The layer whose operator `text` names, or into which torch has decomposed it."""
    operator = re.search(r"op='([\w.]+)', overload='(\w+)'", text)
    wanted = f"{text} {operator[1]}.{operator[2]}" if operator else text
    for graph in (lambda: capture.program.graph, lambda: capture.program.run_decompositions().graph):
        found = graph()
        layers = layers_of_nodes(found, capture.shaped)
        named = (
            layers.get(node.name) for node in found.nodes if node.op == "call_function" and str(node.target) in wanted
        )
        if (name := next((name for name in named if name), None)) is not None:
            return name
    return None


def _without_kernels(lacking: Sequence[tuple[ir.Node, str]], shaped: ShapedGraph) -> GraphspecError:
    """Each layer that has a node for which there is no kernel."""
    found: dict[str | None, Diagnostic] = {}
    for node, reason in lacking:
        name = node.metadata_props.get(LAYER_KEY)
        layer = next((layer for layer in shaped.layers if layer.name == name), None)
        where = layer or "the network"
        message = f"{where} cannot be written as ONNX: {reason}"
        hint = 'give it another dtype with a layer "to"'
        found.setdefault(name, Diagnostic("not-exportable", message, layer.at if layer else (), hint))
    return GraphspecError(list(found.values()))


def _cast_outputs(model: ir.Model, capture: Capture) -> None:
    """Give each output torch's dtype: a reduction of float16 is computed in float32, and where it is an output the
    exporter names the value before the cast back.
    """
    import onnx_ir as ir
    from onnx_ir.tensor_adapters import from_torch_dtype

    kinds = capture.shaped.output_types
    for k, (name, value) in enumerate(zip(capture.output_names, model.graph.outputs, strict=True)):
        wanted = from_torch_dtype(kinds[name].dtype)
        if value.dtype is not None and value.dtype != wanted:
            cast = ir.node("Cast", [value], {"to": wanted})
            cast.outputs[0].shape, cast.outputs[0].type = value.shape, ir.TensorType(wanted)
            if maker := value.producer():
                cast.metadata_props.update(maker.metadata_props)
            model.graph.append(cast)
            model.graph.outputs[k] = cast.outputs[0]


def _name_values(model: ir.Model, capture: Capture) -> None:
    """Give inputs and outputs the spec's names; an inner value of such a name, or one value returned twice, yields."""
    import onnx_ir as ir

    graph = model.graph
    outputs = capture.output_names
    for k, value in enumerate(graph.outputs):
        if value in graph.outputs[:k] or value.is_graph_input() or value.is_initializer():
            copy = ir.node("Identity", [value], version=None)
            copy.outputs[0].shape, copy.outputs[0].type = value.shape, value.type
            graph.append(copy)
            graph.outputs[k] = copy.outputs[0]
    taken = {*outputs, *capture.input_names}
    inner = [*(value for node in graph for value in node.outputs), *graph.inputs, *graph.initializers.values()]
    used = taken | {value.name for value in inner if value.name}
    for value in inner:
        if value.name in taken:
            value.name = _free(f"{value.name}_value", used)
    for value, name in zip(graph.inputs, capture.input_names, strict=True):
        value.name = name
    for value, name in zip(graph.outputs, outputs, strict=True):
        value.name = name
    for value in graph.inputs:
        value.metadata_props.clear()
    by_name = dict(zip(outputs, graph.outputs, strict=True))
    graph.outputs[:] = [by_name[name] for name in capture.shaped.outputs]


def _free(name: str, used: set[str]) -> str:
    """`name`, or with a number behind it where something is called so; it is in use from then on."""
    numbered = (f"{name}_{number}" for number in itertools.count(1))
    found = next(text for text in itertools.chain([name], numbered) if text not in used)
    used.add(found)
    return found


def _name_dims(model: ir.Model, capture: Capture) -> None:
    """Write dims as the spec does; shapes of inner values are left to ONNX's own shape inference."""
    shaped = capture.shaped
    kinds: dict[str, TensorType] = {**shaped.inputs, **shaped.output_types}
    ends = {id(value) for value in [*model.graph.inputs, *model.graph.outputs]}
    for value in [*model.graph.inputs, *model.graph.outputs]:
        assert value.name is not None
        value.shape = _shape(kinds[value.name])
    for node in model.graph:
        for value in node.outputs:
            if id(value) not in ends:
                value.shape = None
                value.type = None


def _shape(kind: TensorType) -> ir.Shape:
    import onnx_ir as ir

    return ir.Shape(kind.sizes)


def _map_layers(model: ir.Model, graph: torch.fx.Graph, shaped: ShapedGraph) -> None:
    """Replace the exporter's node metadata (types, source lines, paths) by the one thing a reader needs: the layer."""
    known = layers_of_nodes(graph, shaped)
    for node in model.graph:
        scopes = node.metadata_props.get("pkg.torch.onnx.name_scopes")
        layer = known.get(ast.literal_eval(scopes)[-1]) if scopes else None
        node.metadata_props.clear()
        node.doc_string = None
        for value in node.outputs:
            value.metadata_props.clear()
        if layer and node.name:
            node.metadata_props[LAYER_KEY] = layer
    for value in model.graph.initializers.values():
        value.metadata_props.clear()
    model.graph.metadata_props.clear()
