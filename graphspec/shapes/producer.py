"""Which layer gives an output the kind of values that it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphspec.output_reading import Reading
from graphspec.shapes.shaped import ShapedGraph, ShapedLayer, ValueRef

#: Layers that move values, drop some or leave them as they are.
_KEEPS = frozenset(
    """Identity Dropout Dropout1d Dropout2d Dropout3d Flatten Unflatten flatten reshape permute transpose squeeze
    unsqueeze expand expand_as flip roll narrow select slice index_select Permute to""".split()
)


def producer(layers: Mapping[str, ShapedLayer], output: ValueRef) -> ShapedLayer | None:
    """The layer that computes the values of `output`, before others only move them; None where that is an input."""
    return next((layer for layer in last_layers(layers, output) if layer.type not in _KEEPS), None)


def last_layers(layers: Mapping[str, ShapedLayer], output: ValueRef) -> Iterator[ShapedLayer]:
    """The layers behind the one that computes the values of `output`, from the last to that one."""
    layer = layers.get(output.layer)
    while layer is not None:
        yield layer
        layer = layers.get(layer.first.layer) if layer.first and layer.type in _KEEPS else None


def producers(shaped: ShapedGraph) -> dict[str, str]:
    """The type of the layer that computes each output, where there is one."""
    layers = {layer.name: layer for layer in shaped.layers}
    found = {name: producer(layers, value) for name, value in shaped.outputs.items()}
    return {name: layer.type for name, layer in found.items() if layer is not None}


def reading_of(shaped: ShapedGraph, output: str, classes: int | None) -> Reading | None:
    """How the loss of `output` reads it, as one of `classes` or as values; None where no loss is computed of it."""
    loss = shaped.spec.train.loss_of(output) if shaped.spec.train else None
    return None if loss is None else Reading.of(loss.type, loss.args, classes, producers(shaped).get(output))
