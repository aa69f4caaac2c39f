"""Whether the formats that a spec asks for can hold its layers, and what is done to its data; ``compile`` asks before
anything is exported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import torch

from graphspec.diagnostics import Diagnostic, GraphspecError, Path
from graphspec.formats import DataWriter, Format, chosen
from graphspec.shapes.shaped import ShapedGraph, TensorType


def check_formats(shaped: ShapedGraph, formats: Sequence[str] | None = None) -> None:
    """Refuse `formats` (those of ``[export]`` by default) that have no form for a layer of `shaped` or a transform.

    Raises:
        GraphspecError: ``not-exportable`` at each such layer or argument, with the reason.
    """
    wanted = shaped.spec.export.formats if formats is None else formats
    found: list[Diagnostic] = []
    for format in chosen(wanted):
        for layer in shaped.layers:
            if because := format.writer.cannot_hold(layer):
                message = f'layer "{layer.name}" ({layer.type}) cannot be written as {format.name}: {because}'
                rest = [name for name in wanted if name != format.name]
                hint = f"formats = {rest}" if rest else "choose another format"
                found.append(Diagnostic("not-exportable", message, at=layer.at, hint=hint.replace("'", '"')))
        if format.of_onnx:
            found += _unreadable(shaped, format)
        if format.of_data:
            found += cast(DataWriter, format.writer).faults(shaped)
    if found:
        raise GraphspecError(found)


def _unreadable(shaped: ShapedGraph, format: Format) -> Iterator[Diagnostic]:
    """The inputs and outputs of bfloat16: numpy has none, so that onnxruntime in Python neither takes nor gives it."""
    layers = {layer.name: layer for layer in shaped.layers}
    places: dict[str, tuple[str, TensorType, Path]] = {
        name: (f'the input "{name}"', kind, ("inputs", name)) for name, kind in shaped.inputs.items()
    }
    for name, kind in shaped.output_types.items():
        if layer := layers.get(shaped.outputs[name].layer):
            places[layer.name] = str(layer), kind, layer.at
    for what, kind, at in places.values():
        if kind.dtype == torch.bfloat16:
            message = f"{what} cannot be written as {format.name}: onnxruntime takes and gives no bfloat16"
            yield Diagnostic("not-exportable", message, at, hint='float32 outside, and a layer "to" inside')
