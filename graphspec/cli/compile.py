"""``graphspec compile``: check a spec, infer every shape, build the module, and show it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from graphspec.cli import options, summary
from graphspec.cli.output_file import write_text
from graphspec.cli.screen import Screen


class Emit(StrEnum):
    """What to print: the table of layers, or what a stage made."""

    summary = "summary"
    spec = "spec"
    graph = "graph"
    shapes = "shapes"
    python = "python"
    mermaid = "mermaid"
    svg = "svg"


def compile_(
    spec: options.Spec,
    emit: Annotated[
        Emit,
        typer.Option(
            help="The table of layers; the resolved spec as TOML; the layers and what they take; every value's shape; "
            "the network as one Python file; a picture."
        ),
    ] = Emit.summary,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write there instead of stdout.", show_default=False)
    ] = None,
    depth: Annotated[int, typer.Option("--depth", min=0, metavar="N", help="Pictures: open blocks N levels deep.")] = 0,
    expand: Annotated[bool, typer.Option("--expand", help="Pictures: open every block.")] = False,
    reading: options.Reading = options.Reading(),
    all_: Annotated[bool, typer.Option("--all", help="Show every layer of a large network.")] = False,
    work: options.Work = options.Work(),
) -> None:
    """Check SPEC, infer every shape, build the module, and show it."""
    with work.screen() as here:
        from graphspec import draw
        from graphspec.checking import check
        from graphspec.cli import emit as emits

        network = reading.load(spec)
        check(network)
        shaped, _ = network.shaped, network.build()
        if emit is Emit.spec:
            _emit_text(here, emits.spec(network), output)
        elif emit is Emit.graph:
            _emit_text(here, emits.graph(network), output)
        elif emit is Emit.shapes:
            _emit_text(here, emits.shapes(shaped), output)
        elif emit is Emit.python:
            _emit_text(here, emits.python(shaped), output)
        elif emit is Emit.mermaid:
            _emit_text(here, draw.mermaid(shaped, None if expand else depth), output)
        elif emit is Emit.svg:
            _emit_text(here, draw.svg(shaped, None if expand else depth), output)
        else:
            here.show(summary.document(shaped), *summary.tables(shaped, whole=all_))


def _emit_text(here: Screen, text: str, output: Path | None) -> None:
    """`text` to the file `output`, or to stdout (as a JSON string with ``--json``)."""
    if output:
        write_text(output, text)
        here.show({"output": str(output)}, f"wrote {output}")
    else:
        here.show({"text": text}, text.rstrip("\n"))
