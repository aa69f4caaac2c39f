"""What was found of a variant, and what that says in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from graphspec.diagnostics import Diagnostic
from graphspec.training.metrics.names import higher_is_better

#: A variant is published where at least this share of its outputs is float32's.
LEAST_AGREEMENT = 0.95
#: Values closer than this are the same: of times the share, of metrics the difference.
SAME_TIME, SAME_METRIC = 0.05, 5e-4


@dataclasses.dataclass(frozen=True, slots=True)
class VariantReport:
    """A variant beside float32.

    ``size`` and ``latency`` are shares of float32's, ``milliseconds`` a run on one sample with one thread.
    ``agreement`` is over ``samples`` samples of ``part``: the share with the same class, where the output decides
    between some (``of_classes``), else the R² of the values.
    ``metrics`` are (float32's, the variant's) of that part.
    """

    precision: str
    file: str
    bytes: int
    size: float
    milliseconds: float
    latency: float
    agreement: float
    samples: int
    part: str
    metrics: Mapping[str, tuple[float, float]]
    of_classes: bool = True

    @property
    def notes(self) -> list[str]:
        """In which respects it is worse than float32; empty where in none."""
        found = []
        if self.latency > 1 + SAME_TIME:
            found.append(f"slower: {self.latency:.2f} × the time of float32")
        if self.size > 1:
            found.append(f"larger: {self.size:.2f} × the size of float32")
        for name, (own, other) in self.metrics.items():
            if (own - other if higher_is_better(name) else other - own) > SAME_METRIC:
                found.append(f"worse: {name} {other:.4f} instead of {own:.4f}")
        return found

    @property
    def fault(self) -> str:
        """Why it is not published; empty where it is."""
        if self.agreement >= LEAST_AGREEMENT:
            return ""
        where = f"{self.samples} samples ({self.part})"
        if self.of_classes:
            measured = f"gives float32's class for {self.agreement:.1%} of {where}"
            return f"{self.file} {measured}, at least {LEAST_AGREEMENT:.0%} are asked"
        measured = f"gives values whose R² against float32's is {self.agreement:.3f} over {where}"
        return f"{self.file} {measured}, at least {LEAST_AGREEMENT} is asked"

    @property
    def measured(self) -> str:
        """The agreement in words."""
        return f"{self.agreement:.2%} of classes" if self.of_classes else f"R² {self.agreement:.4f}"

    def as_dict(self) -> dict[str, Any]:
        """As data, for ``--json`` and the manifest."""
        row = dataclasses.asdict(self) | {"metrics": {name: list(pair) for name, pair in self.metrics.items()}}
        return row | {"notes": self.notes}


def diagnostics(reports: Iterable[VariantReport]) -> list[Diagnostic]:
    """Why an export with these variants is refused; empty where it is not."""
    hint = "leave it out, or train longer: a network that is sure of little changes its mind easily"
    return [
        Diagnostic("mismatch", report.fault, ("export", "precisions"), hint=hint) for report in reports if report.fault
    ]


def readme_section(reports: Iterable[VariantReport]) -> str:
    """The part of the bundle's README on the variants."""
    lines = [
        "\n## Variants\n",
        "Same inputs and outputs, other arithmetic; measured where they were made, with one thread, one sample a run."
        " They are not equal to the network, only close to it.\n",
        "| file | size | time | agreement | remarks |",
        "|---|---|---|---|---|",
    ]
    for report in reports:
        lines.append(
            f"| `{report.file}` | {report.size:.2f} × | {report.latency:.2f} × |"
            f" {report.measured}, {report.samples} samples ({report.part}) | {'; '.join(report.notes) or '—'} |"
        )
    return "\n".join([*lines, ""])
