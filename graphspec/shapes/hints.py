"""What is most often meant where torch refuses the shapes of a layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from graphspec.diagnostics import Diagnostic
from graphspec.graph import Layer
from graphspec.ops.inferred import ranks
from graphspec.shapes.shaped import TensorType, ValueRef

#: Channels of pictures: grey, colours, colours with opacity.
_CHANNELS = (1, 3, 4)


def with_hint(
    layer: Layer, fault: Diagnostic, types: Mapping[ValueRef, TensorType], inputs: Mapping[str, TensorType]
) -> Diagnostic:
    """`fault` of a `layer` that was given `types`, with what to write instead, where that can be told."""
    own = next((ref for ref in types if ref.layer in inputs), None)
    hint = _channels_first(layer, next(iter(types.values()), None), own)
    if not hint and own is not None and all(isinstance(size, int) for kind in inputs.values() for size in kind.shape):
        hint = f"the first dimension counts the samples: {_written(own, ('N', *types[own].shape))}"
    return dataclasses.replace(fault, hint=hint)


def _channels_first(layer: Layer, kind: TensorType | None, own: ValueRef | None) -> str:
    """For a layer over images whose channels stand last."""
    if kind is None or ranks(layer.op) != (4,) or len(kind.shape) != 4:
        return ""
    count, height, width, channels = kind.shape
    if channels not in _CHANNELS or height in _CHANNELS:
        return ""
    if own is not None:
        return f"channels go first: {_written(own, (count, channels, height, width))}"
    return 'channels go first: { type = "permute", dims = [0, 3, 1, 2] } before it'


def _written(ref: ValueRef, shape: tuple[object, ...]) -> str:
    """The line of an input of that `shape`."""
    sizes = (str(size) if isinstance(size, int) else f'"{size}"' for size in shape)
    return f"{ref.layer} = [{', '.join(sizes)}]"
