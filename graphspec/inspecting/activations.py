"""What is known of a layer's output by its type: its ends, whether it may fall silent, and where its units stand."""

from __future__ import annotations

from graphspec.shapes.shaped import ShapedGraph, ShapedLayer

#: Activations that are flat at both ends.
_ENDS = {
    "Sigmoid": (0.0, 1.0), "sigmoid": (0.0, 1.0), "Hardsigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0), "tanh": (-1.0, 1.0),
    "Softsign": (-1.0, 1.0),
}  # fmt: skip
#: Activations that give zero, and no gradient, for whatever is below zero.
SILENT = ("ReLU", "relu", "ReLU6", "relu6")
RECURRENT = ("RNN", "LSTM", "GRU")
#: What gives units in the last dimension; all others have them in the second.
_UNITS_LAST = ("Linear", "LayerNorm", "RMSNorm", "Embedding", "MultiheadAttention", "linear", "layer_norm", *RECURRENT)
_UNITS_SECOND = ("Conv", "BatchNorm", "GroupNorm", "InstanceNorm", "conv", "batch_norm", "group_norm")


def ends_of(layer: ShapedLayer) -> tuple[float, float] | None:
    """Between which numbers the layer's values lie, where its gradient is gone at both; else None."""
    if layer.type == "Hardtanh":
        return float(layer.arguments.get("min_val", -1.0)), float(layer.arguments.get("max_val", 1.0))
    return _ENDS.get(layer.type)


def units_dim(layer: ShapedLayer, shaped: ShapedGraph) -> int:
    """The dimension of the layer's output along which its units stand, by the layer that makes them."""
    layers, seen = {each.name: each for each in shaped.layers}, layer
    while True:
        if seen.type in _UNITS_LAST:
            return -1
        before = seen.first
        if seen.type.startswith(_UNITS_SECOND) or before is None or before.layer not in layers:
            return 1
        seen = layers[before.layer]
