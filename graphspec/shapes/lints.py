"""What runs but is rarely meant: warnings, one for each line of the spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphspec.diagnostics import Code, Diagnostic, quoted
from graphspec.graph import Layer, LayerGraph
from graphspec.losses import LOSSES
from graphspec.ops.inferred import ranks
from graphspec.scales import LOG_SOFTMAXES, SOFTMAXES
from graphspec.shapes.producer import last_layers, producer
from graphspec.shapes.shaped import ShapedLayer, TensorType, ValueRef
from graphspec.spec.train import first_output

_ELEMENTWISE = frozenset(["ReLU", "GELU", "SiLU", "Identity", "Dropout"])
_DROPOUTS = frozenset(["Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"])


def lints(
    graph: LayerGraph,
    layers: Mapping[str, ShapedLayer],
    outputs: Mapping[str, ValueRef],
    types: Mapping[str, Mapping[tuple[int, ...], TensorType]],
) -> list[Diagnostic]:
    """The warnings about a network whose `types` are known by layer or input."""
    found: dict[object, Diagnostic] = {}
    for layer in layers.values():
        if layer.type == "Linear":
            faults = _linear_after_conv(layer, layers, types)
        elif layer.type.startswith("BatchNorm"):
            faults = _bias_before_norm(layer, layers, graph)
        else:
            continue
        for fault in faults:
            found.setdefault((fault.code, fault.at), fault)
    return [*found.values(), *_dropped(graph, layers, outputs), *_unfit_for_loss(graph, layers, outputs)]


def _linear_after_conv(
    layer: ShapedLayer, layers: Mapping[str, ShapedLayer], types: Mapping[str, Mapping[tuple[int, ...], TensorType]]
) -> Iterator[Diagnostic]:
    value = layer.first
    kind = types[value.layer][value.index] if value else None
    if value is None or kind is None or len(kind.shape) != 4:
        return
    producer = layers.get(value.layer)
    while producer and producer.type in _ELEMENTWISE and (before := producer.first):
        producer = layers.get(before.layer)
    if producer and ranks(producer.op):
        message = f"layer {quoted(layer.name)}: Linear on {kind} works on the last dim, the width, alone"
        yield Diagnostic("linear-after-conv", message, layer.at, "add a Flatten layer before it", severity="warning")


def _bias_before_norm(layer: ShapedLayer, layers: Mapping[str, ShapedLayer], graph: LayerGraph) -> Iterator[Diagnostic]:
    """A bias that the normalisation over the same channels takes away again."""
    value = layer.first
    producer = layers.get(value.layer) if value else None
    if producer is None or "bias" not in producer.parameters:
        return
    # behind an `if` it may have other readers
    node = graph.nodes.get(producer.name)
    if isinstance(node, Layer) and graph.uses.get(producer.name) == 1 and producer.type != layer.type:
        message = f"layer {quoted(producer.name)}: {layer.type} subtracts the mean, and with it the bias"
        yield Diagnostic("bias-before-norm", message, producer.at, "write bias = false", severity="warning")


def _dropped(
    graph: LayerGraph, layers: Mapping[str, ShapedLayer], outputs: Mapping[str, ValueRef]
) -> Iterator[Diagnostic]:
    """A dropout behind the last layer, on what a loss is computed of."""
    train = graph.spec.train
    trained = {first_output(loss, next(iter(outputs))) for loss in (train.losses if train else ())}
    for name in outputs.keys() & trained:
        for layer in last_layers(layers, outputs[name]):
            if layer.type in _DROPOUTS:
                message = f"layer {quoted(layer.name)}: {layer.type} sets predictions themselves to 0 in training"
                hint = "put it before the layer that computes them"
                yield Diagnostic("dropout-on-output", message, layer.at, hint, severity="warning")


def _unfit_for_loss(
    graph: LayerGraph, layers: Mapping[str, ShapedLayer], outputs: Mapping[str, ValueRef]
) -> Iterator[Diagnostic]:
    """The last layer of an output gives values of which its loss cannot make sense."""
    train = graph.spec.train
    for loss in train.of_data if train else ():
        row, first = LOSSES.get(loss.type), first_output(loss, next(iter(outputs)))
        layer = producer(layers, outputs[first]) if first in outputs else None
        if layer is not None and _over_one_value(layer):
            message = f"layer {quoted(layer.name)}: {layer.type} over one value always gives the same"
            hint = "end with Sigmoid, or with one column a class"
            yield Diagnostic("softmax-before-loss", message, layer.at, hint, severity="warning")
            continue
        if row is None or layer is None or layer.type not in row.scale(loss.args).spoilt_by:
            continue
        code: Code = "softmax-before-loss" if row.applies else "activation-missing"
        message = f"{loss.type} takes {row.scale(loss.args).name}, which {layer.type} does not give"
        if layer.type.lower() in row.applies:
            message = f"{loss.type} applies {layer.type.lower()} itself"
        yield Diagnostic(code, f"layer {quoted(layer.name)}: {message}", layer.at, row.instead, severity="warning")


def _over_one_value(layer: ShapedLayer) -> bool:
    """Whether it is a softmax over a dim of size 1."""
    kind, dim = layer.outputs.get(()), layer.arguments.get("dim")
    if layer.type not in SOFTMAXES | LOG_SOFTMAXES or kind is None:
        return False
    dim = 1 if dim is None else dim
    return isinstance(dim, int) and -len(kind.shape) <= dim < len(kind.shape) and kind.shape[dim] == 1
