"""``graphspec tune``: a search over values of a spec."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from graphspec.cli import options
from graphspec.diagnostics import printable
from graphspec.display import metric_tables
from graphspec.display.number_text import seconds
from graphspec.display.table_look import new_table

if TYPE_CHECKING:
    from graphspec.tuning.tune_report import TrialReport, TuneReport

#: More trials than this are not listed; trials.csv in the study's folder has them all.
_MOST_TRIALS = 10


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
        here.show(report.as_dict(), *_tables(report))


def _tables(report: TuneReport) -> Iterator[RenderableType]:
    yield _trials(report)
    if report.evaluation is not None:
        yield ""
        yield metric_tables.by_part(report.evaluation.parts)
    yield ""
    if report.importances:
        shares = ", ".join(f"{path} {share:.0%}" for path, share in report.importances.items())
        yield Text(f"Importance  {shares}")
    yield Text(f"Trials      {', '.join(f'{count} {state}' for state, count in report.counts.items())}")
    if report.best_run is not None:
        yield Text(f"Best run    {report.best_run}")
    yield Text(f"Files       {', '.join(path.name for path in report.files)} in {report.run}")


def _trials(report: TuneReport) -> RenderableType:
    """The best trials first; those without a figure last."""
    sign = -1 if report.direction == "maximize" else 1
    ranked = sorted(report.trials, key=lambda trial: (trial.state != "complete", _rank(trial, sign)))
    table = new_table()
    table.add_column("Trial", justify="right")
    table.add_column(f"validation {report.metric.replace('_', ' ')}", justify="right")
    paths = list(dict.fromkeys(path for trial in report.trials for path in trial.values))
    for path in paths:
        table.add_column(path, justify="right", overflow="fold")
    for heading in ("epochs", "time"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for trial in ranked[:_MOST_TRIALS]:
        table.add_row(
            str(trial.number), "" if trial.value is None else f"{trial.value:.4f}",
            *(_value(trial.values.get(path)) for path in paths), str(trial.epochs),
            "" if trial.seconds is None else seconds(trial.seconds),
            "best" if trial.number == report.best else "" if trial.state == "complete" else trial.state,
        )  # fmt: skip
    if len(ranked) > _MOST_TRIALS:
        table.caption = f"{len(ranked) - _MOST_TRIALS} more in trials.csv"
    return table


def _rank(trial: TrialReport, sign: int) -> float:
    return float("inf") if trial.value is None else sign * trial.value


def _value(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else printable(str(value))
