"""A fourth table: what acts in one case, written in the arithmetic that converters use, in networks that no other has.

    python benchmarks/mutants/fourth.py [--networks attention …] [--rows FOLDER]

Each file is judged with ``verify FILE --against EXPORT``, as the command does it.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from arithmetic import arithmetic
from fourth_networks import FOURTH
from harmless import TOOLS, harmless, made_by_tools
from networks import HEAD
from rewrites import FURTHER_TOOLS, rewrites
from rows import Row, judged_each

from graphspec import compiler
from graphspec.exporting.capture import capture
from graphspec.exporting.onnx import write_onnx
from graphspec.verifying import Workers
from graphspec.verifying.runner import Runner
from graphspec.verifying.verify import Judge


def built(title: str) -> compiler.Network:
    """A network with weights as after training: biases away from 0, and the weights of normalisation from 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = compiler.load(HEAD + FOURTH[title], seed=2)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for value in network.module.state_dict().values():
            if value.is_floating_point() and value.ndim == 1:
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    return network


def cases(own: Path, folder: Path) -> Iterator[tuple[bool, str, str, Path]]:
    """Whether it is to be refused, family, site and file."""
    model, path = onnx.load(own), folder / "changed.onnx"
    for changed, made in ((True, arithmetic), (False, harmless), (False, rewrites)):
        for change in made(model):
            onnx.save(change.of(model), path)
            yield changed, change.family, change.site, path
    for tool, made_file in made_by_tools(own, folder, TOOLS | FURTHER_TOOLS):
        yield False, tool, "", made_file


def judged(title: str) -> Row:
    """The figures of one network."""
    network = built(title)
    tables: dict[bool, dict[str, Counter[str]]] = {True: defaultdict(Counter), False: defaultdict(Counter)}
    remarks = []
    with (
        tempfile.TemporaryDirectory() as place,
        torch.no_grad(),
        Judge(network, Runner(network.shaped, Workers(("onnx",)))) as judge,
    ):
        own = Path(place) / "own.onnx"
        write_onnx(capture(network), own, 20, {})
        for changed, family, site, path in cases(own, Path(place)):
            report = judge.against(own, path)
            tables[changed][family].update(files=1, right=int(report.passed != changed))
            if report.passed == changed:
                said = "; ".join([*report.faults, *report.unaccounted, *(f for r in report.runtimes for f in r.faults)])
                remarks.append(f"{'missed' if changed else 'false alarm'}: {title}: {family}: {site}: {said[:300]}")
    return {"changes": tables[True], "harmless": tables[False], "remarks": remarks}


if __name__ == "__main__":
    sys.exit(judged_each("fourth", __doc__, FOURTH, judged))
