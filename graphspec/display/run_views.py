"""A run and an evaluation: curves, metrics, and where a classifier errs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from graphspec.diagnostics import printable
from graphspec.display.html import Part, folded, picture
from graphspec.display.metric_tables import evaluated, folds, trained, with_spread

if TYPE_CHECKING:
    from graphspec.training.folds import FoldsReport
    from graphspec.training.run.report import EvaluateReport, TrainReport


@dataclasses.dataclass(frozen=True, slots=True)
class TrainView:
    """How training went."""

    report: TrainReport

    @property
    def title(self) -> str:
        return str(self.report.run)

    def lines(self) -> list[str]:
        report = self.report
        found = [f"TrainReport {printable(str(report.run))}: best epoch {report.best_epoch} of {report.epochs}"]
        found += [f"  {part}: {_metrics(metrics)}" for part, metrics in report.metrics.items()]
        return found + ([f"  {report.advice}"] if report.advice else [])

    def parts(self) -> Iterator[Part]:
        report, curves = self.report, self.report.run / "curves.png"
        if curves.is_file():
            yield picture(curves, "learning curves")
        yield from trained(report)
        if report.advice:
            yield report.advice
        yield from _pictures(path for path in (report.evaluation.files if report.evaluation else ()) if path != curves)


@dataclasses.dataclass(frozen=True, slots=True)
class FoldsView:
    """Mean and spread over the folds."""

    report: FoldsReport

    @property
    def title(self) -> str:
        return f"{self.report.run}, by folds"

    def lines(self) -> list[str]:
        report = self.report
        found = [f"FoldsReport {printable(str(report.run))}: {len(report.runs)} of {report.folds} folds"]
        for part, metrics in report.metrics.items():
            shown = (f"{name} {with_spread(each['mean'], each['std'])}" for name, each in list(metrics.items())[:6])
            found.append(f"  {part}: {', '.join(shown)}")
        return found

    def parts(self) -> Iterator[Part]:
        yield from folds(self.report)


@dataclasses.dataclass(frozen=True, slots=True)
class EvaluateView:
    """What the best weights reach."""

    report: EvaluateReport

    @property
    def title(self) -> str:
        return f"{self.report.run}, evaluated"

    def lines(self) -> list[str]:
        found = [f"EvaluateReport {printable(str(self.report.run))}"]
        return found + [f"  {part}: {_metrics(metrics)}" for part, metrics in self.report.parts.items()]

    def parts(self) -> Iterator[Part]:
        yield from evaluated(self.report)
        yield from _pictures(self.report.files)


def _pictures(files: Iterable[Path]) -> Iterator[Part]:
    """Those of `files` that are pictures, to be opened; the confusion matrix is open."""
    for path in files:
        if path.suffix == ".png" and path.is_file():
            title = path.stem.replace("_", " ")
            yield folded(title, [picture(path, title)], opened="confusion" in title)


def _metrics(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in list(metrics.items())[:6])
