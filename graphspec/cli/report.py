"""``graphspec report``: one HTML file about a run or an export."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from graphspec.cli import options
from graphspec.diagnostics import printable
from graphspec.display.number_text import size
from graphspec.system.startup import importing


def report(
    source: Annotated[
        Path, typer.Argument(metavar="RUN|EXPORT", help="A run or an exported folder.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PAGE.html", help="The file to write.", show_default=False)
    ],
    no_model: Annotated[bool, typer.Option("--no-model", help="Leave the running model out: a small page.")] = False,
    place: options.Place = options.Place(),
    work: options.Work = options.Work(),
) -> None:
    """Write one HTML file about RUN or EXPORT, which works without server and network, the model running in it."""
    with work.screen() as here:
        with importing():
            from graphspec import reporting

        with here.busy("writing the page"):
            made = reporting.report(source, output, model=not no_model, data=place.data_place())
        runs = f", {size(made.runtime_bytes)} of it onnxruntime-web, {size(made.model_bytes)} the model"
        said = [f"wrote {made.path} ({size(made.bytes)}{runs if made.runtime_bytes else ''})"]
        if made.without_model and not no_model:
            said.append(f"without the model: {printable(made.without_model)}")
        here.show(dataclasses.asdict(made) | {"path": str(made.path)}, *said)
