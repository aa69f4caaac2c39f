"""``graphspec tune``: a search over values of a spec."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphspec.cli import options
from graphspec.display.study_table import studied


def tune(
    spec: options.Spec,
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="DIR", help="The study's folder; runs/NAME-tune without it.", show_default=False),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the study in that folder, alone or beside other processes.")
    ] = False,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, metavar="N", help="Instead of the spec's.", show_default=False)
    ] = None,
    computing: options.Computing = options.Computing(),
    reading: options.Reading = options.Reading(),
    work: options.Work = options.Work(),
) -> None:
    """Search the values that [tune] of SPEC names, one training run a trial, and keep the best."""
    with work.screen() as here:
        from graphspec import pipeline

        report = pipeline.tune(
            options.source(spec), run=run, resume=resume, trials=trials, say=here.say, **computing.words(),
            **reading.words(),
        )  # fmt: skip
        here.show(report.as_dict(), *studied(report))
