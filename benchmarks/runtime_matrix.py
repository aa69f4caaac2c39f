"""Every spec of specs/ in every runtime: the greatest scaled error, or why the runtime does not run it.

    python benchmarks/runtime_matrix.py [SPEC …] [--seconds 120] [--variant small] [--aoti]

Each spec is exported with its seeded initial weights in every format and judged by the verification rule. A figure is
the greatest max|d| / max|ref| over all conclusive cases (magnitudes, sizes, zeros); what is no figure is explained
below the table. A runtime that takes more than --seconds for all cases of a spec is ended.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path

from graphspec import compiler
from graphspec.diagnostics import GraphspecError
from graphspec.exporting import write_bundle
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.runtime import RUNTIMES
from graphspec.verifying.runtimes.workers import Workers
from graphspec.verifying.verify import Judge
from graphspec.verifying.verify_report import RuntimeReport

SPECS = Path(__file__).parents[1] / "specs"
FORMATS = ("onnx", "torchscript", "pt2", "aoti")
#: Greatest length of a reason in the notes.
MOST = 160


def reports(path: Path, variant: str | None, formats: tuple[str, ...], seconds: float) -> dict[str, RuntimeReport]:
    """What each runtime gives for the spec at `path`."""
    variants = tomllib.loads(path.read_text(encoding="utf-8")).get("variants", {})
    network = compiler.load(path, variant=variant if variant in variants else None)
    shaped = network.shaped
    opset = shaped.spec.export.opset_version
    found: dict[str, RuntimeReport] = {}
    with tempfile.TemporaryDirectory() as name, Judge(network, Runner(shaped, Workers(()), seconds)) as judge:
        for format in formats:
            try:
                bundle = write_bundle(network, Path(name) / format, formats=[format], opset_version=opset)
            except GraphspecError as error:
                reason = error.diagnostics[0].message
                found |= {r.name: RuntimeReport(r.name, failure=reason) for r in RUNTIMES if r.format == format}
                continue
            for runtime in RUNTIMES:
                if runtime.format == format:
                    found[runtime.name] = judge.run(runtime, bundle.path(format))
    return {runtime.name: found[runtime.name] for runtime in RUNTIMES if runtime.name in found}


def cell(report: RuntimeReport) -> tuple[str, str]:
    """What stands in the table, and the note to it."""
    figure = "—" if math.isinf(report.worst) else f"{report.worst:.0e}"
    if report.passed:
        return figure, ""
    if report.failure:
        return "—", report.failure
    if report.faults and not all(c.judgement.refused for c in report.comparisons if c.judgement.status == "fail"):
        return "WRONG", report.faults[0]
    refused = [f"{c.case}: {c.judgement.reason}" for c in report.comparisons if c.judgement.refused]
    if refused:
        return f"{figure} in part", refused[0]
    return "?", "; ".join(f"output {output}: {reason}" for output, reason in report.inconclusive.items())


def row(name: str, found: Mapping[str, RuntimeReport], notes: dict[str, int]) -> str:
    """One spec's line; `notes` numbers the reasons."""
    cells = []
    for report in found.values():
        text, reason = cell(report)
        if reason:
            line = " ".join(reason.split())[:MOST]
            text += f" [{notes.setdefault(line, len(notes) + 1)}]"
        cells.append(text)
    return f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table row by row, then the notes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", nargs="*", help="names of specs; all without")
    parser.add_argument("--seconds", type=float, default=120.0, help="what a runtime may take for a spec")
    parser.add_argument("--variant", help="take this variant of a spec that has it")
    parser.add_argument("--aoti", action="store_true", help="AOTInductor too, which compiles for a minute or more")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    formats = FORMATS if chosen.aoti else FORMATS[:-1]
    titles = [runtime.name for runtime in RUNTIMES if runtime.format in formats]
    print("| spec | " + " | ".join(titles) + " |\n|---" + "|---" * len(titles) + "|", flush=True)
    notes: dict[str, int] = {}
    for path in [*sorted(SPECS.glob("*.toml")), *sorted((SPECS / "zoo").glob("*.toml"))]:
        if chosen.specs and path.stem not in chosen.specs:
            continue
        start = time.perf_counter()
        print(row(path.stem, reports(path, chosen.variant, formats, chosen.seconds), notes), flush=True)
        print(f"{path.stem}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    print("\n" + "\n".join(f"[{number}] {reason}" for reason, number in notes.items()))


if __name__ == "__main__":
    main()
