"""Tables of losses and metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from graphspec.diagnostics import printable
from graphspec.display.number_text import seconds
from graphspec.display.table_look import new_table

if TYPE_CHECKING:
    from graphspec.training import EvaluateReport, FoldsReport, TrainReport
    from graphspec.training.checks.lr_finder import LrReport
    from graphspec.training.checks.overfit import OverfitReport

#: More classes than this are not listed one by one; evaluation.json in the run folder has them all.
_MOST_CLASSES = 40


def trained(report: TrainReport) -> Iterator[RenderableType]:
    """The metrics of the best weights by part, and how they came about."""
    if report.metrics:
        yield by_part(report.metrics)
        yield ""
        yield from _measured_on(report.evaluation)
    yield Text(f"Best epoch  {report.best_epoch} of {report.epochs}, {_chosen(report)}")
    yield Text(f"Time        {seconds(report.seconds)}, {report.samples_per_second:,.0f} samples/s")
    yield Text(f"Run         {report.run}")
    yield Text(f"Next        {_next(report)}")


def _next(report: TrainReport) -> str:
    """What to look at next: where it went wrong what happens inside, else where the network errs."""
    if report.advice:
        return f"graphspec inspect {report.run} looks at every layer: {report.advice.partition(':')[0]}"
    if report.evaluation is not None and report.evaluation.classes:
        return f"graphspec evaluate {report.run} shows each class and the worst errors"
    return f"graphspec report {report.run} -o page.html shows all of it on a page"


def folds(report: FoldsReport) -> Iterator[RenderableType]:
    """Mean and spread of each metric over the folds, a row a part."""
    table = _table("Part", next(iter(report.metrics.values()), {}))
    for part, metrics in report.metrics.items():
        table.add_row(part, *(with_spread(each["mean"], each["std"]) for each in metrics.values()))
    yield table
    yield ""
    done = len(report.runs)
    yield Text(f"Folds  {done} of {report.folds}, mean ± standard deviation; the test part stays sealed")
    if done < report.folds:
        yield Text("       --resume goes on with those that are left")
    yield Text(f"Runs   {report.run}/fold-0 to fold-{report.folds - 1}")


def with_spread(mean: float | None, std: float | None) -> str:
    """``0.9833 ± 0.0136``, without a spread where there is one fold."""
    return "–" if mean is None else f"{mean:.4f}" + ("" if std is None else f" ± {std:.4f}")


def rates(report: LrReport) -> Text:
    """Where the loss fell fastest, and where the picture is."""
    tested = f"{report.rates[0]:.0e} to {report.rates[-1]:.0e}"
    drawn = f"; drawn to {printable(str(report.picture))}" if report.picture else ""
    return Text(f"The loss falls fastest at lr = {report.suggestion:.1e} (tested: {tested}){drawn}")


def overfitted(report: OverfitReport) -> Text:
    """How far one batch was learned by heart."""
    fall = f"falls from {report.first:.4g} to {report.last:.4g}"
    return Text(f"The loss of one batch of {report.samples} {fall} in {report.steps} steps: the network can learn")


def evaluated(report: EvaluateReport) -> Iterator[RenderableType]:
    """The metrics by part and, for a classifier, by class of the last part."""
    yield by_part(report.parts)
    if report.per_class and len(report.per_class) <= _MOST_CLASSES:
        yield ""
        yield _by_class(report.per_class)
    yield ""
    if report.files:
        yield Text(f"Pictures  {', '.join(path.name for path in report.files)}")
    yield Text(f"Run       {report.run}")


def _measured_on(evaluation: EvaluateReport | None) -> Iterator[Text]:
    """A word on every part of which not all samples were measured."""
    for part, (measured, count) in evaluation.samples.items() if evaluation else ():
        if measured < count:
            yield Text(f"Measured    {measured:,} of the {count:,} samples of the {part} part")


def _chosen(report: TrainReport) -> str:
    """What chose the best epoch: a metric of the validation part where there is one."""
    if report.validated:
        return f"by validation {report.monitor.replace('_', ' ')}"
    return "the last one: there is no validation part to choose by"


def by_part(parts: Mapping[str, Mapping[str, float]]) -> Table:
    """Loss and metrics, a row a part."""
    table = _table("Part", next(iter(parts.values())))
    for part, metrics in parts.items():
        table.add_row(part, *("–" if math.isnan(value) else f"{value:.4f}" for value in metrics.values()))
    return table


def _by_class(classes: Mapping[str, Mapping[str, float]]) -> Table:
    table = _table("Class", next(iter(classes.values())))
    for title, scores in classes.items():
        cells = (f"{value:,.0f}" if name == "support" else f"{value:.4f}" for name, value in scores.items())
        table.add_row(printable(title), *cells)
    return table


def _table(first: str, rest: Iterable[str]) -> Table:
    table = new_table()
    table.add_column(first, overflow="fold")
    for heading in rest:
        table.add_column(heading.replace("_", " "), justify="right")
    return table
