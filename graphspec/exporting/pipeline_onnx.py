"""``pipeline.onnx``: the network between its preprocessing and its postprocessing, in one graph.

A raw batch goes in, the class and its probability come out; the nodes between are those of ``model.onnx``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphspec.diagnostics import Diagnostic
from graphspec.exporting import onnx
from graphspec.exporting.bundle.pipeline_readme import pipeline_section
from graphspec.exporting.onnx import save
from graphspec.exporting.postprocessing import Postprocessing
from graphspec.exporting.preprocessing import Preprocessing
from graphspec.exporting.preprocessing import faults as preprocessing_faults
from graphspec.exporting.preprocessing.cells import STRING
from graphspec.exporting.tape import ML, ML_VERSION, Taped

if TYPE_CHECKING:
    import onnx_ir as ir

    from graphspec.exporting.order import Order
    from graphspec.shapes.shaped import ShapedGraph, ShapedLayer

#: The name inside the file of what the network gives; :meth:`Preprocessing.inner` has those of what it is given.
LEAVING = "network.output"


def write(order: Order, path: Path) -> None:
    """Write ``pipeline.onnx``."""
    preprocessing = order.metadata.preprocessing
    assert preprocessing is not None  # of_data: it was read for this format
    postprocessing = Postprocessing.of(order.capture.shaped, order.metadata.labels)
    preprocessing.check_names([entry["name"] for entry in postprocessing.signature], order.opset_version)
    model = order.onnx_model()
    wrap(model, preprocessing, postprocessing)
    save(model, path)


def sections(about: Mapping[str, Any], sizes: Mapping[str, int]) -> Iterator[str]:
    """What it takes and gives, and how it is run in Python."""
    yield pipeline_section(about, sizes)


def cannot_hold(layer: ShapedLayer) -> str:
    """Why ONNX has no form for `layer`; empty where it has one."""
    return onnx.cannot_hold(layer)


def faults(shaped: ShapedGraph) -> Iterator[Diagnostic]:
    """What of the preprocessing has no form in ONNX."""
    return preprocessing_faults(shaped)


def wrap(model: ir.Model, before: Preprocessing, after: Postprocessing) -> None:
    """Put `before` in front of `model` and `after` behind it: what goes in is raw."""
    graph = model.graph
    _make_room(graph, {entry["name"] for entry in (*before.signature, *after.signature)})
    front, back = Taped("before"), Taped("after")
    _write_front(graph, front, before)
    if len(graph.outputs) == 1:
        _write_back(graph, back, after)
    graph.insert_before(graph[0], front.tape.nodes)
    graph.extend(back.tape.nodes)
    for constant in (*front.tape.initializers, *back.tape.initializers):
        graph.register_initializer(constant)
    if before.cells is not None:
        graph.opset_imports[ML] = ML_VERSION


def read_out(content: bytes, after: Postprocessing) -> bytes:
    """``model.onnx`` with `after` behind it."""
    import onnx_ir as ir
    from onnx import load_from_string

    model = ir.from_proto(load_from_string(content))
    _make_room(model.graph, {entry["name"] for entry in after.signature})
    back = Taped("after")
    if len(model.graph.outputs) == 1:
        _write_back(model.graph, back, after)
    model.graph.extend(back.tape.nodes)
    for constant in back.tape.initializers:
        model.graph.register_initializer(constant)
    return bytes(ir.to_proto(model).SerializeToString())


def _make_room(graph: ir.Graph, taken: AbstractSet[str]) -> None:
    """An inner value that has one of the names `taken`, which are of what goes in and comes out, yields it."""
    for node in graph:
        for value in node.outputs:
            if value.name in taken and not value.is_graph_output():
                value.name = f"{value.name}_value"
    for name in taken & graph.initializers.keys():
        weights = graph.initializers.pop(name)
        weights.name = f"{name}_value"
        graph.register_initializer(weights)


def _write_front(graph: ir.Graph, op: Taped, before: Preprocessing) -> None:
    import onnx_ir as ir

    entering = {str(value.name): value for value in graph.inputs}
    for name, value in entering.items():
        value.name = f"{name}_value"
    raw = {
        entry["name"]: ir.Value(name=entry["name"], shape=ir.Shape(entry["shape"]), type=_type(entry["dtype"]))
        for entry in before.signature
    }
    found = before.write(op, raw, {name: _dtype(value) for name, value in entering.items()})
    for name, value in entering.items():
        names, end = before.inner(name)
        *steps, batch = found[name]
        for step, called in zip(steps, names, strict=True):
            step.name = called
        batch.name = end
        value.replace_all_uses_with(batch, replace_graph_outputs=True)
    graph.inputs[:] = list(raw.values())


def _dtype(value: ir.Value) -> np.dtype[Any]:
    assert value.dtype is not None
    return value.dtype.numpy()


def _write_back(graph: ir.Graph, op: Taped, after: Postprocessing) -> None:
    import onnx_ir as ir

    (leaving,) = graph.outputs
    assert leaving.dtype is not None
    predictions = after.write(op, leaving, leaving.dtype.numpy())
    if len(after.signature) == len(predictions):
        leaving.name = LEAVING
    for entry in after.signature[: len(predictions)]:
        value = predictions[entry["name"]]
        value.name, value.shape, value.type = entry["name"], ir.Shape(entry["shape"]), _type(entry["dtype"])
    graph.outputs[:] = [*predictions.values(), *([] if leaving.name == LEAVING else [leaving])]


def _type(dtype: str) -> ir.TensorType:
    import onnx_ir as ir

    return ir.TensorType(ir.DataType.STRING if dtype == STRING else ir.DataType.from_numpy(np.dtype(dtype)))
