"""Whether ``pipeline.onnx`` gives what training's transforms, the network and its loss's reading give.

It is run twice: with an extra output behind every transform and around the network, so that the first wrong step is
known by its place in the spec, and as users run it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from graphspec.data.learned import Learned
from graphspec.diagnostics import Path as SpecPath
from graphspec.diagnostics import quoted
from graphspec.exporting.bundle.bundle import Bundle
from graphspec.exporting.bundle.golden import PIPELINE_GOLDEN
from graphspec.exporting.pipeline_onnx import LEAVING
from graphspec.exporting.postprocessing import Postprocessing
from graphspec.exporting.preprocessing import Preprocessing, Raw
from graphspec.exporting.reference import Arrays, as_array
from graphspec.exporting.tolerance import MOST_SCALED, error, magnitude
from graphspec.shapes.shaped import ShapedGraph
from graphspec.verifying.cases import Case
from graphspec.verifying.judge import Expected, Oracle, compare
from graphspec.verifying.pipeline_cases import RawCase, raw_cases
from graphspec.verifying.rule import Judgement, Status, refused
from graphspec.verifying.runner import Outputs, Runner
from graphspec.verifying.runtimes.child import WorkerError
from graphspec.verifying.runtimes.runtime import ONNXRUNTIME, UNOPTIMISED, Runtime
from graphspec.verifying.verify_report import Blame, Comparison, RuntimeReport

#: Units in the last place of the largest value by which a step may be off: Resize adds many numbers.
_UNITS = 16
_AT = ("data", "transforms")
INSIDE, WHOLE = "pipeline, step by step", "pipeline in onnxruntime"


def judge_pipeline(bundle: Bundle, oracle: Oracle, runner: Runner) -> tuple[list[RuntimeReport], Blame | None]:
    """Run and judge the bundle's ``pipeline.onnx``; the transform at fault is named where one is.

    `oracle` has the network's own values.
    """
    shaped = runner.shaped
    before = Preprocessing.from_manifest(bundle.manifest, Learned.read(bundle.folder), shaped)
    after = Postprocessing.of(shaped, bundle.manifest["labels"])
    cases = raw_cases(oracle.reference.network, before, _real(bundle, before))
    expectations = oracle.expectations(Case(case.name, case.family, case.entering) for case in cases)
    inputs = runner.write("pipeline_inputs.npz", [case.raw for case in cases])
    judge = _Judge(shaped, before, after, cases, expectations)
    reports = []
    for title, runtime, path, names in _runs(bundle.path("pipeline"), runner.scratch, before, after, shaped):
        try:
            found = judge.report(title, names, runner.run(runtime, path, inputs, names))
        except WorkerError as problem:
            found = RuntimeReport(title, failure=str(problem))
        reports.append(found)
    return reports, _blame(reports, before)


def _real(bundle: Bundle, before: Preprocessing) -> Raw | None:
    path = bundle.folder / PIPELINE_GOLDEN
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        arrays = {key.removeprefix("0.input."): file[key] for key in file if key.startswith("0.input.")}
    return arrays if before.cells is not None else {name: torch.from_numpy(value) for name, value in arrays.items()}


def _runs(
    path: Path, scratch: Path, before: Preprocessing, after: Postprocessing, shaped: ShapedGraph
) -> list[tuple[str, Runtime, Path, list[str]]]:
    """Title, runtime, file and outputs: the file with its inner values as outputs, and the file itself."""
    predictions = [entry["name"] for entry in after.signature]
    own = [name for name in shaped.outputs if name not in predictions]
    inner = [called for name in before.inputs for called in _called(before, name)] + [LEAVING for _ in own]
    probe = scratch / "pipeline_probe.onnx"
    found = _write_probe(path, inner, probe)
    return [(INSIDE, UNOPTIMISED, probe, [*found, *predictions]), (WHOLE, ONNXRUNTIME, path, predictions)]


def _write_probe(path: Path, names: Sequence[str], target: Path) -> list[str]:
    """Write the model with those of the inner values `names` as outputs that it has: names are free, values are not."""
    import onnx

    model = onnx.load(str(path))
    there = {name for node in model.graph.node for name in node.output}
    found = [name for name in names if name in there]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in found)
    onnx.save(model, str(target))
    return found


class _Judge:
    """What every value in the file must be."""

    def __init__(
        self, shaped: ShapedGraph, before: Preprocessing, after: Postprocessing, cases: Sequence[RawCase],
        expectations: Sequence[Expected],
    ) -> None:  # fmt: skip
        self.shaped, self.before, self.after, self.cases, self.expectations = shaped, before, after, cases, expectations

    def report(self, title: str, names: Sequence[str], outputs: Outputs) -> RuntimeReport:
        """Judge what one run gave under `names`."""
        comparisons = list(self._network(names, outputs))
        for k, (case, expected) in enumerate(zip(self.cases, self.expectations, strict=True)):
            if str(k) in outputs.errors:
                comparisons.append(Comparison(case.name, "every output", refused(outputs.errors[str(k)])))
                continue
            found = outputs.of(k)
            comparisons += _compare_steps(case, found, self.before)
            comparisons += self._compare_predictions(expected, found)
        return RuntimeReport(title, tuple(comparisons))

    def _network(self, names: Sequence[str], outputs: Outputs) -> Sequence[Comparison]:
        """The network's own outputs, where they are among `names`, by the rule of every file."""
        if LEAVING in names:
            (own,) = self.shaped.outputs
            arrays = {key.replace(f".{LEAVING}", f".{own}"): value for key, value in outputs.arrays.items()}
            outputs = Outputs(arrays, outputs.errors)
        elif not all(own in names for own in self.shaped.outputs):
            return ()
        return compare(self.expectations, outputs)

    def _compare_predictions(self, expected: Expected, found: Arrays) -> list[Comparison]:
        """Labels and probabilities, by what the loss reads from the network's float64 outputs."""
        double, single = self.after.read(expected.outputs.double), self.after.read(expected.outputs.single)
        return [
            Comparison(expected.case.name, name, _judge_prediction(found[name], double[name], single[name]))
            for name in double
            if name not in self.shaped.outputs
        ]


def _called(before: Preprocessing, name: str) -> list[str]:
    """What the steps of an input are called in the file."""
    steps, end = before.inner(name)
    return [*steps, end]


def _compare_steps(case: RawCase, found: Arrays, before: Preprocessing) -> list[Comparison]:
    steps = {
        called: as_array(step)
        for name, values in case.steps.items()
        for called, step in zip(_called(before, name), values, strict=True)
    }
    return [
        Comparison(case.name, called, _judge_step(found[called], wanted))
        for called, wanted in steps.items()
        if called in found
    ]


def _judge_step(found: NDArray[Any], wanted: NDArray[Any]) -> Judgement:
    """Pixels are equal, floats within some units in the last place of the largest."""
    if (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
        reason = f"{found.shape} {found.dtype} instead of {wanted.shape} {wanted.dtype}"
        return Judgement(Status.FAIL, np.inf, 0.0, np.inf, reason)
    floating = np.issubdtype(wanted.dtype, np.floating)
    allowed = _UNITS * float(np.finfo(wanted.dtype).eps) * magnitude(wanted) if floating else 0.0
    return _within(found, wanted, allowed)


def _judge_prediction(found: NDArray[Any], double: NDArray[Any], single: NDArray[Any]) -> Judgement:
    """Probabilities within 1e-5; a class where rounding decides is either precision's."""
    if (found.shape, found.dtype) != (single.shape, single.dtype):
        reason = f"{found.shape} {found.dtype} instead of {single.shape} {single.dtype}"
        return Judgement(Status.FAIL, np.inf, 0.0, np.inf, reason)
    if np.issubdtype(double.dtype, np.floating):
        return _within(found, double, MOST_SCALED)
    wrong = (found != double) & (found != single)
    if wrong.any():
        return Judgement(Status.FAIL, np.inf, 0.0, np.inf, f"{int(wrong.sum())} of {wrong.size} classes differ")
    return Judgement(Status.PASS)


def _within(found: NDArray[Any], wanted: NDArray[Any], allowed: float) -> Judgement:
    off, scale = error(found, wanted), magnitude(wanted)
    scaled = off / scale if scale else (np.inf if off else 0.0)
    if off > allowed:
        return Judgement(Status.FAIL, off, allowed, scaled, f"off by {off:.3g}, allowed {allowed:.3g}")
    return Judgement(Status.PASS, off, allowed, scaled)


def _blame(reports: Sequence[RuntimeReport], before: Preprocessing) -> Blame | None:
    """The first transform that differs, with its place in the spec."""
    failed = {c.output for report in reports for c in report.comparisons if c.judgement.status is Status.FAIL}
    for name, each in before.inputs.items():
        *steps, end = _called(before, name)
        of = f" of {quoted(name)}" if len(before.inputs) > 1 else ""
        for k, (called, transform) in enumerate(zip(steps, each.transforms, strict=True)):
            if called in failed:
                at: SpecPath = (*_AT, k) if not of else _AT  # an input has those transforms that are for its kind
                return Blame(None, at, f"the transform {transform}{of} is the first step that differs")
        if end in failed and before.cells is not None:
            return Blame(None, ("inputs", name), f"the columns of {quoted(name)} are the first step that differs")
    return None
