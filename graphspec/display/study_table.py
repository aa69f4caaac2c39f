"""What ``graphspec tune`` shows: the trials, and what the best one reaches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from graphspec.diagnostics import printable
from graphspec.display import metric_tables
from graphspec.display.number_text import seconds
from graphspec.display.table_look import new_table

if TYPE_CHECKING:
    from graphspec.tuning.tune_report import TrialReport, TuneReport

#: More trials than this are not listed; trials.csv in the study's folder has them all.
_MOST_TRIALS = 10


def studied(report: TuneReport) -> Iterator[RenderableType]:
    """Trials, what the best one reaches, which values mattered, and where everything is."""
    yield _trials(report)
    if report.evaluation is not None:
        yield ""
        yield metric_tables.by_part(report.evaluation.parts)
    if report.folds is not None:
        yield ""
        yield from metric_tables.folds(report.folds)
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
    for heading in (report.unit, "time"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for trial in ranked[:_MOST_TRIALS]:
        table.add_row(
            str(trial.number), "" if trial.value is None else f"{trial.value:.4f}",
            *(_value(trial.values.get(path)) for path in paths), str(trial.length),
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
