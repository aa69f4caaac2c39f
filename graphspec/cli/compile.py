"""``graphspec compile``: check a spec, infer every shape, build the module, and show it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphspec.cli import options
from graphspec.cli.output_file import write_text
from graphspec.cli.screen import Screen
from graphspec.display import layer_table

if TYPE_CHECKING:
    from graphspec.compiler import Network


class Emit(StrEnum):
    """What to print: the table of layers, or what a stage made."""

    summary = "summary"
    spec = "spec"
    graph = "graph"
    shapes = "shapes"
    python = "python"
    mermaid = "mermaid"
    svg = "svg"


@dataclasses.dataclass(frozen=True)
class Blocks(options.Group):
    """How far a picture opens blocks."""

    depth: Annotated[int, typer.Option("--depth", min=0, metavar="N", help="Pictures: open blocks N levels deep.")] = 0
    expand: Annotated[bool, typer.Option("--expand", help="Pictures: open every block.")] = False

    @property
    def levels(self) -> int | None:
        """How many levels are opened; None: all."""
        return None if self.expand else self.depth


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
    blocks: Blocks = Blocks(),
    reading: options.Reading = options.Reading(),
    all_: Annotated[bool, typer.Option("--all", help="Show every layer of a large network.")] = False,
    work: options.Work = options.Work(),
) -> None:
    """Check SPEC, infer every shape, build the module, and show it."""
    with work.screen() as here:
        from graphspec.checking import check

        network = reading.load(spec)
        check(network)
        network.build()
        if emit is Emit.summary:
            here.show(layer_table.document(network.shaped), *layer_table.tables(network.shaped, whole=all_))
        else:
            _emit_text(here, _text(emit, network, blocks.levels), output)


def _text(emit: Emit, network: Network, levels: int | None) -> str:
    """What a stage made, as text."""
    from graphspec import draw
    from graphspec.cli import emit as emits

    made: dict[Emit, Callable[[], str]] = {
        Emit.spec: lambda: emits.spec(network),
        Emit.graph: lambda: emits.graph(network),
        Emit.shapes: lambda: emits.shapes(network.shaped),
        Emit.python: lambda: emits.python(network.shaped),
        Emit.mermaid: lambda: draw.mermaid(network.shaped, levels),
        Emit.svg: lambda: draw.svg(network.shaped, levels),
    }
    return made[emit]()


def _emit_text(here: Screen, text: str, output: Path | None) -> None:
    """`text` to the file `output`, or to stdout (as a JSON string with ``--json``)."""
    if output:
        write_text(output, text)
        here.show({"output": str(output)}, f"wrote {output}")
    else:
        here.show({"text": text}, text.rstrip("\n"))
