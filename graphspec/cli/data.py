"""``graphspec data``: what a spec's data set holds, before anything is trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphspec.cli import options
from graphspec.display.data_table import described, in_tables


def data(
    spec: options.Spec,
    show: Annotated[
        Path | None,
        typer.Option("--show", metavar="FILE.png", help="Draw samples as epochs see them.", show_default=False),
    ] = None,
    place: options.Place = options.Place(),
    reading: options.Reading = options.Reading(),
    work: options.Work = options.Work(),
) -> None:
    """Read the data set of SPEC and show its parts; the test part stays sealed."""
    with work.screen() as here:
        from graphspec.data import data_of
        from graphspec.data.picture import show as picture

        words = reading.words()
        found = data_of(
            options.source(spec), place.data_place(), variant=words["variant"], overrides=words["overrides"]
        )
        document = described(found) | ({"picture": str(picture(found, show))} if show else {})
        here.show(document, *in_tables(document))
