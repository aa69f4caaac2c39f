"""Damaged ONNX files and right ones, judged by graphspec's rule and by the rules of other tools, in one run.

    python benchmarks/mutants/run.py [--seeds 12] [--networks mlp cnn …] [--rows FOLDER]

A mutant counts as damaged when, on inputs that no judge sees, it refuses what the right file accepts, or its output
differs from the right file's by more than 2e-6 of the greatest element; the others compute the same function. A clean
case is one network with one seed in one runtime.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from mutations import Mutant, mutants
from networks import HEAD, NETWORKS
from peers import RULES, verdicts
from rows import Row, Rows, run_tables

from graphspec import compiler
from graphspec.exporting import costly
from graphspec.exporting.capture import capture
from graphspec.exporting.onnx import write_onnx
from graphspec.exporting.sampler import Sampler
from graphspec.exporting.torchscript import write_torchscript
from graphspec.verifying import Workers
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.runtime import ONNXRUNTIME, RUNTIMES, UNOPTIMISED
from graphspec.verifying.verify import Judge

OWN = "graphspec"
DAMAGED = 2e-6
SECONDS = 60.0
TORCHSCRIPT = next(runtime for runtime in RUNTIMES if runtime.name == "torchscript")


@dataclasses.dataclass
class Tally:
    """Counts of one run; `missed` and `alarms` by rule, `kinds` by fault."""

    clean: int = 0
    damaged: int = 0
    equivalent: int = 0
    missed: Counter[str] = dataclasses.field(default_factory=Counter)
    alarms: Counter[str] = dataclasses.field(default_factory=Counter)
    kinds: dict[str, Counter[str]] = dataclasses.field(default_factory=lambda: defaultdict(Counter))
    named: int = 0
    remarks: list[str] = dataclasses.field(default_factory=list)
    blame_seconds: list[float] = dataclasses.field(default_factory=list)

    def row(self) -> Row:
        """The counts as they are kept, those of every rule."""
        found = dict(vars(self))
        return found | {key: {rule: found[key][rule] for rule in (OWN, *RULES)} for key in ("missed", "alarms")}


def built(name: str, seed: int):
    """A network with weights as after training: normalisation statistics and affine weights away from 0 and 1."""
    network = compiler.load(f"{HEAD}{NETWORKS[name]}", seed=seed)
    module = network.module
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, value in module.state_dict().items():
            if value.is_floating_point() and value.ndim == 1:
                spread = 0.5 + torch.rand(value.shape, generator=generator)
                value.mul_(spread) if "bias" in key and value.any() else value.copy_(spread)
    return network


def clean_cases(name: str, seed: int, folder: Path, tally: Tally) -> None:
    """One right export in every runtime; an ONNX file's verdict by the other rules too."""
    network = built(name, seed)
    captured = capture(network)
    write_onnx(captured, folder / "model.onnx", 20, {})
    write_torchscript(captured, folder / "model.pt", {})
    with Judge(network, Runner(network.shaped, Workers(("onnx", "torchscript")))) as judge:
        for runtime in (UNOPTIMISED, ONNXRUNTIME, TORCHSCRIPT):
            report = judge.run(runtime, folder / ("model.pt" if runtime is TORCHSCRIPT else "model.onnx"))
            tally.clean += 1
            if not report.passed:
                tally.alarms[OWN] += 1
                tally.remarks.append(
                    f"false alarm: {name}, seed {seed}, {runtime.name}: {report.faults[:1]}{report.inconclusive}"
                )
    answers = verdicts(
        captured.network.module, captured.sampler, folder / "model.onnx", list(network.shaped.outputs), seed
    )
    tally.alarms.update(rule for rule, accepted in answers.items() if not accepted)


def damaged_cases(name: str, folder: Path, tally: Tally) -> None:
    """Every mutant of one network's file."""
    network = built(name, seed=100)
    captured = capture(network)
    write_onnx(captured, folder / "right.onnx", 20, {})
    outputs = list(network.shaped.outputs)
    with Judge(network, Runner(network.shaped, Workers(("onnx",)))) as judge:
        for mutant in mutants(onnx.load(folder / "right.onnx")):
            path = folder / "mutant.onnx"
            onnx.save(mutant.model, path)
            if not differs(folder / "right.onnx", path, captured.sampler, outputs):
                tally.equivalent += 1
                continue
            tally.damaged += 1
            accepted = verdicts(captured.network.module, captured.sampler, path, outputs, 1)
            accepted[OWN] = judged(judge, path, name, mutant, tally)
            tally.kinds[mutant.kind]["cases"] += 1
            for rule, passed in accepted.items():
                tally.missed[rule] += passed
                tally.kinds[mutant.kind][rule] += not passed


def judged(judge: Judge, path: Path, name: str, mutant: Mutant, tally: Tally) -> bool:
    """Whether graphspec accepts the file; notes whether it names the damaged layer."""
    start = time.perf_counter()
    report = judge.files({UNOPTIMISED: path, ONNXRUNTIME: path}, 20)
    tally.blame_seconds.append(time.perf_counter() - start)
    named = report.first_divergent_layer
    tally.named += named == mutant.layer
    where = f"{name}: {mutant.kind} at {mutant.site}"
    if report.passed:
        tally.remarks.append(f"missed: {where}, greatest error {report.worst:.2g}")
    elif named != mutant.layer:
        fault = next(iter([*report.faults, *report.runtimes[0].faults]), "")
        tally.remarks.append(f"layer: {where} is in {mutant.layer}, named was {named}: {fault}")
    return report.passed


def differs(right: Path, wrong: Path, sampler: Sampler, outputs: list[str]) -> bool:
    """Whether two files compute different functions, on inputs of this check alone."""
    one = session(right)
    try:
        other = session(wrong)
    except Exception:  # onnxruntime refuses the file
        return True
    for seed, scale in enumerate((0.3, 1.0, 3.0), 1000):
        sizes = {dim: size + 2 if k == 0 else size for k, (dim, size) in enumerate(sampler.sizes.items())}
        sizes |= {"N": 24} if "N" in sizes else {}
        inputs = {key: value.numpy() for key, value in sampler.draw(sizes, scale, seed).items()}
        try:
            found = other.run(outputs, inputs)
        except Exception:  # it refuses this size
            return True
        for want, got in zip(one.run(outputs, inputs), found, strict=True):
            if want.shape != got.shape or not np.abs(want - got).max() <= DAMAGED * np.abs(want).max():
                return True
    return False


def session(path: Path) -> onnxruntime.InferenceSession:
    """The file in onnxruntime, every node as it is written."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def main() -> int:
    """Run everything; exit code 1 where a damaged file was accepted or a right one refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8, help="clean exports of each network")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--rows", type=Path, help="a folder that keeps each network's figures; those it has stay")
    parser.add_argument("--costly", action="store_true", help="take every network for one that is shown few samples")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    if chosen.costly:
        costly.COSTLY_FLOPS = 0.0
    rows, found = Rows("run", chosen.rows), []
    for network in chosen.networks:
        if rows.has(network):
            continue
        start, tally = time.perf_counter(), Tally()
        with tempfile.TemporaryDirectory() as name:
            damaged_cases(network, Path(name), tally)
            for seed in range(chosen.seeds):
                clean_cases(network, seed, Path(name), tally)
        found.append(tally.row())
        rows.keep(network, found[-1])
        print(f"{network}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    print(run_tables(found) if found else "", *(line for row in found for line in row["remarks"]), sep="\n")
    return 1 if any(row["missed"][OWN] or row["alarms"][OWN] for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
