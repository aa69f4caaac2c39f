"""``graphspec train`` and ``graphspec evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphspec.cli import figures, options
from graphspec.cli.screen import screen


def train(
    spec: options.Spec,
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="DIR", help="The run folder; runs/NAME without it.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in that folder.")] = False,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, metavar="N", help="Instead of the spec's.", show_default=False)
    ] = None,
    device: options.Device = "auto",
    data: options.Data = None,
    download: options.Download = False,
    cache: options.Cache = None,
    variant: options.Variant = None,
    set_: options.Overrides = None,
    import_: options.Imports = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train SPEC, keep the best weights, and measure them on the train, validation and test parts."""
    with screen(as_json, quiet) as here:
        options.import_layers(import_)
        from graphspec import pipeline
        from graphspec.training.progress import Silent

        report = pipeline.train(
            options.source(spec),
            run=run,
            resume=resume,
            variant=variant,
            overrides=set_ or (),
            epochs=epochs,
            device=device,
            data=data,
            download=download,
            reporter=Silent() if quiet else None,
        )
        here.show(report.as_dict(), *figures.trained(report))


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    device: options.Device = "auto",
    data: options.Data = None,
    download: options.Download = False,
    cache: options.Cache = None,
    import_: options.Imports = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure the best weights of RUN on every part of its data."""
    with screen(as_json, quiet) as here:
        options.import_layers(import_)
        from graphspec import pipeline

        report = pipeline.evaluate(run, device=device, data=data, download=download)
        here.show(report.as_dict(), *figures.evaluated(report))
