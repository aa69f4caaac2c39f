"""``graphspec import``: an existing network becomes a spec and a file of weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphspec.cli import options
from graphspec.diagnostics import fail, quoted
from graphspec.system.regular_file import is_inside


def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="torchvision:NAME, timm:NAME, FILE.onnx, FILE.pt2, or FILE.py:NAME: the file is run.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE.toml", help="The spec; its weights go beside it.", show_default=False
        ),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input", metavar="NAME=SIZES", help="An input, as image=N,3,224,224 or ids=N,T:int64. Repeatable.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a spec and weights that are there.")] = False,
    work: options.Work = options.Work(),
) -> None:  # fmt: skip
    """Write the network SOURCE as a spec, and prove that both compute the same function, bit for bit."""
    if output.suffix != ".toml":
        raise typer.BadParameter("-o names a .toml file")
    with work.screen() as here:
        from graphspec.importing.imported import weights_beside
        from graphspec.importing.sources import import_source

        there = next((path for path in (output, weights_beside(output)) if path.exists() and not overwrite), None)
        if there is not None:
            raise fail("exists", f"{quoted(there)} exists", hint="--overwrite replaces it")
        with here.busy("importing"):
            found = import_source(source, inputs or ())
            weights = found.save(output)
        lines = len(output.read_text(encoding="utf-8").splitlines())
        said = f"wrote {output} ({lines} lines) and {weights}: {found.proven}"
        if found.unmerged:
            said += f"\nscopes that are alike are not one block: {found.unmerged.splitlines()[0]}"
        if not is_inside(weights):
            said += f"\nto be used in {output.parent}: a spec names files inside the working directory"
        here.show({"spec": str(output), "weights": str(weights), "lines": lines, "sizes": list(found.sizes)}, said)
