"""Whether the formats that a spec asks for can hold its layers, and what is done to its data; ``compile`` asks before
anything is exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from graphspec.diagnostics import Diagnostic, GraphspecError
from graphspec.formats import DataWriter, chosen
from graphspec.shapes.shaped import ShapedGraph


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
        if format.of_data:
            found += cast(DataWriter, format.writer).faults(shaped)
    if found:
        raise GraphspecError(found)
