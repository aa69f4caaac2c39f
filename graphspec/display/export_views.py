"""An export and its verification."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from graphspec.diagnostics import printable
from graphspec.display.html import Part, wrong
from graphspec.display.number_text import size
from graphspec.display.table_look import new_table
from graphspec.display.variants_table import variants
from graphspec.display.verification_table import limits, verified

if TYPE_CHECKING:
    from graphspec.exporting import Bundle
    from graphspec.verifying import VerifyReport


@dataclasses.dataclass(frozen=True, slots=True)
class VerifyView:
    """Runtime by runtime."""

    report: VerifyReport

    @property
    def title(self) -> str:
        return "Verified" if self.report.passed else "Not verified"

    def lines(self) -> list[str]:
        report = self.report
        found = [f"VerifyReport: {'passed' if report.passed else 'REFUSED'}, greatest scaled error {report.worst:.1e}"]
        if report.first_divergent_layer:
            found.append(f"  first divergent layer: {printable(report.first_divergent_layer)}")
        found += [f"  {printable(fault)}" for fault in report.faults[:2]]
        for runtime in report.runtimes:
            said = [*runtime.faults, *runtime.limits, *runtime.inconclusive.values()]
            verdict = f"{len(runtime.comparisons)} comparisons, at most {runtime.worst:.1e}"
            found.append(f"  {runtime.runtime}: {printable(said[0]) if said else verdict}")
        return found

    def parts(self) -> Iterator[Part]:
        found = self.report.as_dict()
        if not self.report.passed:
            yield wrong("\n".join(str(diagnostic) for diagnostic in self.report.diagnostics()))
        yield verified(found)
        yield from limits(found)


@dataclasses.dataclass(frozen=True, slots=True)
class BundleView:
    """The files of an export, and what was found of them."""

    bundle: Bundle

    @property
    def title(self) -> str:
        return str(self.bundle.folder)

    def lines(self) -> list[str]:
        return [f"Bundle {printable(str(self.bundle.folder))}: {', '.join(self.bundle.formats)}"]

    def parts(self) -> Iterator[Part]:
        table = new_table()
        table.add_column("File")
        table.add_column("Size", justify="right")
        for name in self.bundle.manifest["files"]:
            path = self.bundle.folder / name
            table.add_row(printable(name), size(path.stat().st_size) if path.is_file() else "gone")
        yield table
        if found := self.bundle.manifest.get("verification"):
            yield verified(found)
            yield from limits(found)
        yield from variants(self.bundle.manifest)
