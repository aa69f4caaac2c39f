"""``pipeline.onnx``: the network between its preprocessing and its postprocessing, in one graph.

A raw batch goes in, the class and its probability come out; the nodes between are those of ``model.onnx``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from graphspec.exporting.tape import Taped

if TYPE_CHECKING:
    import onnx_ir as ir

    from graphspec.exporting.order import Order
    from graphspec.shapes.shaped import ShapedGraph, ShapedLayer

#: Names inside the file: the batch behind transform k, and what the network is given and gives.
STEP = "transforms.{k}"
ENTERING, LEAVING = "network.input", "network.output"


def write(order: Order, path: Path) -> None:
    """Write ``pipeline.onnx``."""
    preprocessing = order.metadata.preprocessing
    assert preprocessing is not None  # of_data: it was read for this format
    model = order.onnx_model()
    wrap(model, preprocessing, Postprocessing.of(order.capture.shaped, order.metadata.labels))
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
    """Put `before` in front of `model` and `after` behind it; its one input becomes a raw batch of the same name."""
    graph = model.graph
    _make_room(graph, after)
    front, back = Taped("before"), Taped("after")
    _write_front(graph, front, before)
    if len(graph.outputs) == 1:
        _write_back(graph, back, after)
    graph.insert_before(graph[0], front.tape.nodes)
    graph.extend(back.tape.nodes)
    for constant in (*front.tape.initializers, *back.tape.initializers):
        graph.register_initializer(constant)


def _make_room(graph: ir.Graph, after: Postprocessing) -> None:
    """An inner value that has the name of a prediction yields it."""
    taken = {entry["name"] for entry in after.signature}
    for node in graph:
        for value in node.outputs:
            if value.name in taken and not value.is_graph_output():
                value.name = f"{value.name}_value"


def _write_front(graph: ir.Graph, op: Taped, before: Preprocessing) -> None:
    import onnx_ir as ir

    (entering,) = graph.inputs
    raw = ir.Value(name=entering.name, shape=ir.Shape(before.shape), type=_type(before.dtype))
    assert entering.dtype is not None
    *steps, batch = before.write(op, raw, entering.dtype.numpy())
    for k, step in enumerate(steps):
        step.name = STEP.format(k=k)
    batch.name, entering.name = ENTERING, f"{entering.name}_value"
    entering.replace_all_uses_with(batch, replace_graph_outputs=True)
    graph.inputs[:] = [raw]


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

    return ir.TensorType(ir.DataType.from_numpy(np.dtype(dtype)))
