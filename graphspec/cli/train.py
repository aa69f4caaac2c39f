"""``graphspec train`` and ``graphspec evaluate``."""

from __future__ import annotations

import dataclasses
import enum
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from graphspec.cli import options
from graphspec.display import metric_tables
from graphspec.system.startup import importing


class Resume(enum.StrEnum):
    """Whether there has to be a run to go on with."""

    run = enum.auto()
    auto = enum.auto()


class TrainCommand(typer.core.TyperCommand):
    """``--resume`` alone is ``--resume=run``: an option whose value can be left away would take SPEC for it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [f"{arg}={Resume.run}" if arg == "--resume" else arg for arg in args])


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
    resume: Annotated[
        Resume | None,
        typer.Option(
            "--resume",
            metavar="[=auto]",
            show_default=False,
            help="Go on with the run in that folder; =auto: or begin one where there is none.",
        ),
    ] = None
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run in that folder once the new one has ended.")
    ] = False
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
        resume = {None: False, Resume.run: True, Resume.auto: "auto"}[self.resume]
        return vars(self) | {"parallel": self.parallel.value, "resume": resume}


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
    if run.resume and run.overwrite:
        raise typer.BadParameter("--resume goes on with a run and --overwrite replaces it: one of them is meant")
    with work.screen() as here:
        with importing():
            from graphspec import before_training, pipeline
            from graphspec.training import FoldsReport
            from graphspec.training.run.reporter import Silent

        network = reading.load(spec, computing.data_place())
        common = computing.words()
        if find_lr is not None:
            rates = before_training.find_lr(network, picture=find_lr, **common)
            here.show(rates.as_dict(), metric_tables.rates(rates))
        elif overfit_batch:
            overfitted = before_training.overfit_batch(network, **common)
            here.show(overfitted.as_dict(), metric_tables.overfitted(overfitted))
        else:
            asked = run.words() | {"run": run.run or Path("runs") / network.name}
            report = pipeline.train(network, **asked, **common, reporter=Silent() if work.quiet else None)
            tables = metric_tables.folds(report) if isinstance(report, FoldsReport) else metric_tables.trained(report)
            here.show(report.as_dict(), *tables)


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    ensemble: Annotated[
        list[Path] | None,
        typer.Option(metavar="RUN", help="Another that is measured as one with it; repeat it.", show_default=False),
    ] = None,
    computing: options.Computing = options.Computing(),
    work: options.Work = options.Work(),
) -> None:
    """Measure the best weights of RUN on every part of its data, with --ensemble those of several runs as one."""
    with work.screen() as here:
        with importing():
            from graphspec import pipeline, training  # noqa: F401  what evaluation imports

        report = pipeline.evaluate(run, ensemble=ensemble or (), **computing.words())
        here.show(report.as_dict(), *metric_tables.evaluated(report))
