"""What stands before a run: a data set, a test of rates or of one batch, a search, a network just imported."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from graphspec.diagnostics import printable
from graphspec.display.data_table import described, in_tables
from graphspec.display.html import Part, picture
from graphspec.display.metric_tables import overfitted, rates
from graphspec.display.network_view import NetworkView
from graphspec.display.study_table import studied

if TYPE_CHECKING:
    from graphspec.data import DataSet
    from graphspec.importing.imported import Imported
    from graphspec.training.checks.lr_finder import LrReport
    from graphspec.training.checks.overfit import OverfitReport
    from graphspec.tuning.tune_report import TuneReport


@dataclasses.dataclass(frozen=True, slots=True)
class DataView:
    """Parts, classes and columns."""

    found: DataSet

    @property
    def title(self) -> str:
        return f"data set {self.found.name}"

    def lines(self) -> list[str]:
        found = self.found
        parts = {"train": len(found.train)}
        if found.validation is not None:
            parts["validation"] = len(found.validation)
        counts = ", ".join(f"{count:,} {part}" for part, count in parts.items())
        sealed = ", a sealed test part" if found.test.exists else ""
        lines = [f"DataSet {printable(found.name)}: {counts}{sealed}"]
        if found.classes:
            names = ", ".join(found.classes[:10]) + (", …" if len(found.classes) > 10 else "")
            lines.append(printable(f"  {len(found.classes)} classes: {names}"))
        return lines

    def parts(self) -> Iterator[Part]:
        yield from in_tables(described(self.found))


@dataclasses.dataclass(frozen=True, slots=True)
class LrView:
    """Which learning rate; the picture where one was drawn."""

    report: LrReport

    @property
    def title(self) -> str:
        return "learning rates"

    def lines(self) -> list[str]:
        return [rates(self.report).plain]

    def parts(self) -> Iterator[Part]:
        yield rates(self.report)
        if self.report.picture is not None and self.report.picture.is_file():
            yield picture(self.report.picture, "loss over learning rates")


@dataclasses.dataclass(frozen=True, slots=True)
class OverfitView:
    """How far one batch was learned by heart."""

    report: OverfitReport

    @property
    def title(self) -> str:
        return "one batch"

    def lines(self) -> list[str]:
        return [overfitted(self.report).plain]

    def parts(self) -> Iterator[Part]:
        yield overfitted(self.report)


@dataclasses.dataclass(frozen=True, slots=True)
class StudyView:
    """The trials of a search, the best ones first."""

    report: TuneReport

    @property
    def title(self) -> str:
        return f"{self.report.run}, searched"

    def lines(self) -> list[str]:
        report = self.report
        counts = ", ".join(f"{count} {state}" for state, count in report.counts.items())
        lines = [f"TuneReport {printable(str(report.run))}: {counts}"]
        if report.best is not None:
            best = next(trial for trial in report.trials if trial.number == report.best)
            values = ", ".join(f"{path} = {value}" for path, value in best.values.items())
            lines.append(printable(f"  best {report.metric} {best.value:.4f} in trial {best.number}: {values}"))
        return lines

    def parts(self) -> Iterator[Part]:
        yield from studied(self.report)


@dataclasses.dataclass(frozen=True, slots=True)
class ImportedView:
    """The spec that was written of a network."""

    found: Imported

    @property
    def title(self) -> str:
        return self.found.name

    def lines(self) -> list[str]:
        count = len(self.found.text.splitlines())
        return [f"Imported {printable(self.found.name)}: a spec of {count} lines, {len(self.found.weights)} tensors"]

    def parts(self) -> Iterator[Part]:
        yield Text("\n".join(printable(line) for line in self.found.text.splitlines()))
        yield from NetworkView(self.found.network).parts()
