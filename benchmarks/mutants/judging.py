"""One network's files, each judged against the export that they were changed from: the figures of a campaign."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from rows import Row

from graphspec import compiler
from graphspec.exporting.capture import capture
from graphspec.exporting.onnx import write_onnx
from graphspec.verifying import Workers
from graphspec.verifying.runner import Runner
from graphspec.verifying.verify import Judge

#: Whether it is to be refused, family, site and file.
Case = tuple[bool, str, str, Path]


class Verdict(NamedTuple):
    """Whether a file was refused, what was said of it, and whether it had to be run."""

    refused: bool
    said: str
    run: bool = True


def as_the_command_does(judge: Judge, own: Path, path: Path) -> Verdict:
    """The judgement of ``verify FILE --against EXPORT``."""
    report = judge.against(own, path)
    faults = [fault for each in report.runtimes for fault in each.faults]
    return Verdict(not report.passed, "; ".join([*report.faults, *report.unaccounted, *faults]))


def judged_cases(
    title: str,
    network: compiler.Network,
    cases: Callable[[Path, Path], Iterator[Case]],
    verdict: Callable[[Judge, Path, Path], Verdict] = as_the_command_does,
) -> Row:
    """The figures of one network: `cases` makes files of its own ONNX file, in a folder."""
    tables: dict[bool, dict[str, Counter[str]]] = {True: defaultdict(Counter), False: defaultdict(Counter)}
    run, remarks = 0, []
    with (
        tempfile.TemporaryDirectory() as place,
        torch.no_grad(),
        Judge(network, Runner(network.shaped, Workers(("onnx",)))) as judge,
    ):
        own = Path(place) / "own.onnx"
        write_onnx(capture(network), own, 20, {})
        for wrong, family, site, path in cases(own, Path(place)):
            found = verdict(judge, own, path)
            run += found.run
            tables[wrong][family].update(files=1, right=int(found.refused == wrong))
            if found.refused != wrong:
                kind = "missed" if wrong else "false alarm"
                remarks.append(f"{kind}: {title}: {family}: {site}: {found.said[:300]}")
    return {"changes": tables[True], "harmless": tables[False], "remarks": remarks, "run": run}
