"""``graphspec diff``: what is different between two networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphspec.cli import options
from graphspec.cli.output_file import write_text
from graphspec.display.comparison_table import compared


def diff(
    before: Annotated[
        str, typer.Argument(metavar="A", help="A spec, a run, an export, or an .onnx or .pt2 file.", show_default=False)
    ],
    after: Annotated[str, typer.Argument(metavar="B", help="Another one, of any kind.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PAGE.html", help="Write a page instead.", show_default=False),
    ] = None,
    work: options.Work = options.Work(),
) -> None:
    """Show layers, weights, outputs and metrics that differ between A and B; nothing where they are equal."""
    with work.screen() as here:
        from graphspec import comparing
        from graphspec.comparing.page import page

        with here.busy("comparing"):
            found = comparing.diff(options.source(before), options.source(after))
        if output:
            write_text(output, page(found, before, after))
            here.show({"output": str(output), **found.as_dict()}, f"wrote {output}")
        else:
            here.show(found.as_dict(), *compared(found))
