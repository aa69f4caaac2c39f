"""``graphspec inspect``: one batch through the four steps, layer by layer."""

from __future__ import annotations

from typing import Annotated

import typer

from graphspec.cli import options
from graphspec.display import inspection_table
from graphspec.system.startup import importing


def inspect(
    source: Annotated[
        str, typer.Argument(metavar="SPEC|RUN", help="A spec, or a run as far as it has come.", show_default=False)
    ],
    computing: options.Computing = options.Computing(),
    reading: options.Reading = options.Reading(),
    work: options.Work = options.Work(),
) -> None:
    """Send one batch through feedforward, loss, backward and update, and say what is wrong in which layer."""
    with work.screen() as here:
        with importing():
            from graphspec import inspecting

        with here.busy("inspecting"):
            found = inspecting.inspect(options.source(source), **computing.words(), **reading.words())
        here.show(found.as_dict(), *inspection_table.inspected(found))
