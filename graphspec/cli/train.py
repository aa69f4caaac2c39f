"""``graphspec train`` and ``graphspec evaluate``."""

from __future__ import annotations

import dataclasses
import enum
from pathlib import Path
from typing import Annotated, Any

import typer

from graphspec.cli import metric_tables, options
from graphspec.system.startup import importing


class Parallel(enum.StrEnum):
    """How several processes share a network."""

    ddp = enum.auto()
    fsdp = enum.auto()


@dataclasses.dataclass(frozen=True)
class Run(options.Group):
    """One run: where it is kept, what it starts from and how long it goes on."""

    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="DIR", help="The run folder; runs/NAME without it.", show_default=False),
    ] = None
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in that folder.")] = False
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, metavar="N", help="Instead of the spec's.", show_default=False)
    ] = None
    init: Annotated[
        Path | None,
        typer.Option("--init", metavar="FILE", help="Weights, or a run, to start from.", show_default=False),
    ] = None
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write each epoch's metrics for TensorBoard.")
    ] = False
    parallel: Annotated[
        Parallel, typer.Option("--parallel", help="Under torchrun: the whole network in each process, or a part.")
    ] = Parallel.ddp

    def words(self) -> dict[str, Any]:
        """The same as keywords of the pipeline."""
        return vars(self) | {"parallel": self.parallel.value}


def train(
    spec: options.Spec,
    run: Run = Run(),
    find_lr: Annotated[
        Path | None,
        typer.Option(
            "--find-lr", metavar="FILE.png", help="Instead: draw the loss over growing rates.", show_default=False
        ),
    ] = None,
    overfit_batch: Annotated[
        bool, typer.Option("--overfit-batch", help="Instead: see whether one batch can be learned by heart.")
    ] = False,
    computing: options.Computing = options.Computing(),
    reading: options.Reading = options.Reading(),
    work: options.Work = options.Work(),
) -> None:
    """Train SPEC, keep the best weights, and measure them on the train, validation and test parts."""
    with work.screen() as here:
        with importing():
            from graphspec import pipeline
            from graphspec.training.run.reporter import Silent

        source = options.source(spec)
        common: dict[str, Any] = {**computing.words(), **reading.words()}
        if find_lr is not None:
            rates = pipeline.find_lr(source, picture=find_lr, **common)
            here.show(rates.as_dict(), metric_tables.rates(rates))
        elif overfit_batch:
            overfitted = pipeline.overfit_batch(source, **common)
            here.show(overfitted.as_dict(), metric_tables.overfitted(overfitted))
        else:
            report = pipeline.train(source, **run.words(), **common, reporter=Silent() if work.quiet else None)
            here.show(report.as_dict(), *metric_tables.trained(report))


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    computing: options.Computing = options.Computing(),
    work: options.Work = options.Work(),
) -> None:
    """Measure the best weights of RUN on every part of its data."""
    with work.screen() as here:
        with importing():
            from graphspec import pipeline, training  # noqa: F401  what evaluation imports

        report = pipeline.evaluate(run, **computing.words())
        here.show(report.as_dict(), *metric_tables.evaluated(report))
