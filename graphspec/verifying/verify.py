"""Verification: the module's own outputs against every file, in every runtime, on every case."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from graphspec.compiler import Network
from graphspec.diagnostics import Diagnostic, VerificationError
from graphspec.exporting.bundle.bundle import Bundle
from graphspec.exporting.reference import Reference, as_array
from graphspec.exporting.sampler import Sampler
from graphspec.formats import BASE, FORMATS, JUDGED_ALONE
from graphspec.system.closing import Closing
from graphspec.verifying.accounting import Account
from graphspec.verifying.agreement import agreement
from graphspec.verifying.blame.onnx_blame import blame_unloadable
from graphspec.verifying.cases import Case, cases, further_cases
from graphspec.verifying.golden_sample import golden_sample
from graphspec.verifying.judge import Expected, Oracle, by_row, compare, inputs_of
from graphspec.verifying.own_files import OwnFiles, account_onnx, redrawn
from graphspec.verifying.pipeline_file import judge_pipeline
from graphspec.verifying.planned_sizes import at_greatest, fits, inputs_of_plan
from graphspec.verifying.runner import TIME_LIMIT, Outputs, Runner
from graphspec.verifying.runtimes.child import WorkerError
from graphspec.verifying.runtimes.runtime import ONNXRUNTIME, RUNTIMES, UNOPTIMISED, Runtime, chosen, standard
from graphspec.verifying.runtimes.workers import Workers
from graphspec.verifying.signature import check_metadata, check_onnx, check_values
from graphspec.verifying.size_refusals import unrefused
from graphspec.verifying.unobserved import unobserved_layers
from graphspec.verifying.verify_report import Blame, RuntimeReport, VerifyReport

#: How a worker begins what it says of a file that its runtime does not take.
UNLOADABLE = "cannot load the file"


def verify_bundle(
    network: Network,
    bundle: Bundle,
    *,
    runtimes: Sequence[str] = (),
    workers: Workers | None = None,
    seconds: float = TIME_LIMIT,
    accounting: bool = True,
    reference: Reference | None = None,
) -> VerifyReport:
    """Judge every file of `bundle` by `network`, which it claims to be.

    What is in the files is accounted for first, beside those that are written anew.

    Args:
        network: its module may be on any device and in any mode; copies of it are run on the CPU.
        bundle: the files, published or not.
        runtimes: optional runtimes beside the standard ones, by name, or "all"; see ``runtimes.RUNTIMES``. Machine code
            ("aoti") is run only if it is named.
        workers: processes already started for these formats, so that their imports are over; started here otherwise.
        seconds: how long one runtime may take for all cases.
        accounting: False for files that were written just now, by what would write them anew.
        reference: the network's, where there is one already.

    Raises:
        GraphspecError: ``bad-value`` or ``runtime-missing`` for a runtime that does not exist or is not installed.
        VerificationError: ``tampered`` where a file is not what the manifest says, ``inconclusive`` where the network
            itself is random in eval mode. A mismatch is not raised but reported.
    """
    bundle.check_hashes()
    files = {runtime: bundle.path(runtime.format) for runtime in chosen(bundle, runtimes)}
    runner = Runner(network.shaped, workers or Workers(bundle.formats), seconds)
    with Judge(network, runner, golden_sample(bundle, network.shaped), reference) as judge:
        opset = bundle.manifest["opset_version"]
        report = judge.files(files, opset)
        if report.inconclusive:
            report = judge.by_its_twin(report, judge.own.accounts(bundle).values(), files, opset)
        failed = [runtime.runtime for runtime in report.runtimes if runtime.failure]
        for path, found in judge.own.accounts(bundle, failed).items() if accounting else ():
            report = judge.accounted(found, report, path)
        onnx_files = [bundle.path(format) for format in bundle.formats if FORMATS[format].of_onnx]
        said = [fault for path in onnx_files for fault in check_metadata(path, runner.onnx, bundle.manifest)]
        runtimes_run = (*report.runtimes, *_untrusted(bundle, files))
        report = dataclasses.replace(report, runtimes=runtimes_run, faults=(*report.faults, *said))
        return judge.with_pipeline(report, bundle) if "pipeline" in bundle.formats else report


def _untrusted(bundle: Bundle, run: Iterable[Runtime]) -> list[RuntimeReport]:
    """What `bundle` has of machine code that was not `run`: that is no fault, and no pass."""
    left = [r for r in RUNTIMES if r.machine_code and r.format in bundle.formats and r not in run]
    reason = "not run: it is machine code; name it with --runtime {} if you trust who exported it"
    return [RuntimeReport(runtime.name, failure=reason.format(runtime.name), optional=True) for runtime in left]


def verify_file(network: Network, path: Path, bundle: Bundle | None = None) -> VerifyReport:
    """Judge a file of whatever origin (optimised, converted, quantised) by `network`: ONNX, ``.tflite`` or ``.pte``.

    What is in an ONNX file is accounted for beside the network's own file first; then it is run. One in lower precision
    is judged by how well it agrees.

    Args:
        bundle: an export of the network: its real batch is asked too, and its ONNX file is the network's own; that is
            written anew where there is none.

    Raises:
        VerificationError: as :func:`verify_bundle`.
    """
    sample = golden_sample(bundle, network.shaped) if bundle else None
    format = JUDGED_ALONE.get(path.suffix, BASE)
    with Judge(network, Runner(network.shaped, Workers((format.name,))), sample) as judge:
        if format is not BASE:
            return judge.by_outputs(standard(format.name), path)
        if bundle and "onnx" in bundle.formats:
            return judge.against(bundle.path("onnx"), path)
        return judge.against(judge.own.file("onnx", network.spec.export.opset_version), path)


class Judge(Closing):
    """A network's reference outputs, computed once, by which any number of files are judged.

    Use as a context: the `runner` that it was given ends with it.
    """

    def __init__(
        self, network: Network, runner: Runner, sample: Mapping[str, Tensor] | None = None,
        reference: Reference | None = None,
    ) -> None:  # fmt: skip
        start = time.perf_counter()
        self.runner, self.shaped = runner, network.shaped
        try:
            self._oracle = Oracle(network, reference)
            sampler = self._oracle.reference.sampler
            self.own = OwnFiles(self._oracle.reference.network, sampler, runner)
            self.expectations = expectations_of(self._oracle, sampler, sample)
            runner.limit_memory(expected.case.run.inputs for expected in self.expectations)
            self._cases = runner.write("inputs.npz", inputs_of(self.expectations))
        except BaseException:
            self.close()
            raise
        self.preparation = time.perf_counter() - start

    def files(self, files: Mapping[Runtime, Path], opset_version: int | None, precision: str = "") -> VerifyReport:
        """Run each file in its runtime; ONNX files are examined for names, dims and opset as well.

        Files whose weights have lower `precision` only have to agree.
        """
        start = time.perf_counter()
        reports = tuple(self.run(runtime, path, precision) for runtime, path in files.items())
        onnx_files = {path for runtime, path in files.items() if runtime.format == "onnx"}
        faults = [
            fault for path in onnx_files for fault in check_onnx(path, self.runner.onnx, self.shaped, opset_version)
        ]
        faults += [fault for runtime, path in files.items() for fault in self._unrefused(runtime, path)]
        seconds = {"reference": self.preparation, "runtimes": time.perf_counter() - start}
        unseen = None if precision else next(self._unseen(files, reports), None)
        blame, failing = self._blame(reports, dict(zip((r.name for r in files), files.values(), strict=True)))
        if unseen:
            faults.append(f"{unseen[0].name}: {unseen[1].detail}, which no output shows")
            blame = blame or unseen[1]
        inputs = {name: as_array(tensor) for name, tensor in failing.inputs.items()} if failing else {}
        return VerifyReport(reports, tuple(faults), blame, inputs, seconds)

    def against(self, own: Path, path: Path) -> VerifyReport:
        """Account for what is in the ONNX file at `path` beside the network's `own` file, and run it."""
        found, both = account_onnx(own, path), (UNOPTIMISED, ONNXRUNTIME)
        report = self.files(dict.fromkeys(both, path), None, found.precision)
        if report.inconclusive and not found.precision:
            report = self.by_its_twin(report, [found], both, self.shaped.spec.export.opset_version)
        return self.accounted(found, report, path)

    def by_outputs(self, runtime: Runtime, path: Path) -> VerifyReport:
        """Run the file at `path`, which tells no weights by name: other tools than ours hold them in other forms."""
        try:
            precision = self.runner.precision(runtime, path) if runtime.installed else ""
        except WorkerError:  # it is run all the same, which says why it does not
            precision = ""
        alone = Account(unaccounted=(f"the weights of {path.name}, of which its outputs alone tell",))
        return self.accounted(alone, self.files({runtime: path}, None, precision), path)

    def by_its_twin(
        self, report: VerifyReport, accounts: Iterable[Account], runtimes: Iterable[Runtime], opset_version: int
    ) -> VerifyReport:
        """`report` of a constant network, which passes if nothing in its files is other than in its own, written anew,
        and if those of a twin with other weights, by which it varies, are right.
        """
        if any(found.differences or found.unaccounted for found in accounts):
            return report
        run = [runtime for runtime in runtimes if not runtime.machine_code]
        with Judge(redrawn(self.own.network), Runner(self.shaped, Workers({r.format for r in run}))) as twin:
            own = {format: twin.own.file(format, opset_version) for format in {r.format for r in run}}
            right = twin.files({runtime: own[runtime.format] for runtime in run}, opset_version).passed
        return report.as_constant() if right else report

    def accounted(self, found: Account, report: VerifyReport, path: Path) -> VerifyReport:
        """`report`, and first what was `found` in the file at `path`."""
        faults = (*(f"{path.name}: {difference}" for difference in found.differences), *report.faults)
        layer = next((layer for layer in self.shaped.layers if layer.name == found.layer), None)
        blame = Blame(layer.name, layer.at, found.differences[0]) if layer else None
        unaccounted = (*found.unaccounted, *report.unaccounted)
        return dataclasses.replace(report, faults=faults, unaccounted=unaccounted, blame=report.blame or blame)

    def _unseen(self, files: Mapping[Runtime, Path], reports: Sequence[RuntimeReport]) -> Iterator[tuple[Path, Blame]]:
        """The files that pass with another layer than the network's, of which the outputs tell nothing."""
        passed = {report.runtime for report in reports if report.passed}
        left = {r: path for r, path in files.items() if r.name in passed and r.layered}
        layers = unobserved_layers(self._oracle.reference, self.expectations, self._oracle.costly) if left else set()
        for runtime, path in left.items():
            if layers or runtime is not UNOPTIMISED:  # of the others, all weights can be asked for
                blame = self._blame_file(runtime, path, self.expectations[0].case, layers)
                if blame:
                    yield path, blame

    def _unrefused(self, runtime: Runtime, path: Path) -> list[str]:
        if not runtime.machine_code:
            return []
        return unrefused(runtime, path, self.expectations[0].case, self.runner)

    def with_pipeline(self, report: VerifyReport, bundle: Bundle) -> VerifyReport:
        """`report`, and what is found of the bundle's ``pipeline.onnx``."""
        found, blame = judge_pipeline(bundle, self._oracle, self.runner)
        path, opset = bundle.path("pipeline"), bundle.manifest["opset_version"]
        wrong = check_values(path, self.runner.onnx, bundle.manifest["pipeline"], opset)
        runtimes, faults = (*report.runtimes, *found), (*report.faults, *wrong)
        return dataclasses.replace(report, runtimes=runtimes, faults=faults, blame=report.blame or blame)

    def run(self, runtime: Runtime, path: Path, precision: str = "") -> RuntimeReport:
        """Run the file at `path` in `runtime` on all cases, judge every output; a crash or a hang is its failure."""
        start = time.perf_counter()
        report = RuntimeReport(runtime.name, optional=runtime.optional, precision=precision)
        if not runtime.installed:
            return dataclasses.replace(report, failure=f"not installed: {runtime.missing}")
        expectations, written = self._planned(runtime)
        try:
            outputs = by_row(expectations, self.runner.run(runtime, path, written))
        except WorkerError as error:
            return dataclasses.replace(report, failure=str(error), seconds=time.perf_counter() - start)
        compared = agreement(expectations, outputs, precision) if precision else compare(expectations, outputs)
        return dataclasses.replace(report, comparisons=compared, seconds=time.perf_counter() - start)

    def _planned(self, runtime: Runtime) -> tuple[list[Expected], Path]:
        """What `runtime` is asked, and the file of its inputs: no sizes past those that its files are planned for."""
        format = FORMATS.get(runtime.format)
        greatest = format.greatest if format else None
        if greatest is None:
            return self.expectations, self._cases
        self.runner.limit_memory([inputs_of_plan(self.shaped, greatest)], runtime)
        within = [expected for expected in self.expectations if fits(expected.case.run, self.shaped, greatest)]
        largest = at_greatest(within, self.shaped, greatest)
        asked = [*within, *([largest] if largest else [])]
        return asked, self.runner.write(f"inputs_{runtime.format}.npz", inputs_of(asked))

    def _blame(self, reports: tuple[RuntimeReport, ...], paths: Mapping[str, Path]) -> tuple[Blame | None, Case | None]:
        """The layer at fault, and the input that shows it; a fault of onnxruntime's optimiser is told apart."""
        faulty = {report.runtime: report for report in reports if report.faults}
        if not faulty:
            return None, None
        report = faulty.get(UNOPTIMISED.name) or next(iter(faulty.values()))
        name = report.first_failed_case
        case = next((expected.case for expected in self.expectations if expected.case.name == name), None)
        path = paths[report.runtime]
        runtime = next((runtime for runtime in RUNTIMES if runtime.name == report.runtime), None)
        if case is None and runtime is UNOPTIMISED:
            return blame_unloadable(path, report.failure, self.shaped), None
        shown = case or (self.expectations[0].case if report.failure.startswith(UNLOADABLE) else None)
        if shown is not None and runtime is not None and runtime.blame:
            return self._blame_file(runtime, path, shown), case
        if ONNXRUNTIME.name in faulty:
            detail = "the file itself is right: onnxruntime's graph optimiser changes what it computes"
            return Blame(None, (), detail), case
        return None, case

    def _blame_file(
        self, runtime: Runtime, path: Path, case: Case, among: Collection[str] | None = None
    ) -> Blame | None:
        """The layer of the file that differs, by its weights or by its values on `case`."""
        try:
            found: Blame | None = runtime.find(runtime, path, self._oracle.reference, case, self.runner, among)
            return found
        except WorkerError:  # the file is refused whether or not a layer can be named
            return None

    def close(self) -> None:
        """End the runner."""
        self.runner.close()


def expectations_of(oracle: Oracle, sampler: Sampler, sample: Mapping[str, Tensor] | None) -> list[Expected]:
    """The cases with their reference outputs; more extreme cases where an output says nothing on the ordinary ones."""
    shaped = oracle.reference.shaped
    expectations = oracle.expectations(cases(shaped, sampler, sample), oracle.costly)
    if not all(map(oracle.repeats, expectations[:1])):
        raise VerificationError([Diagnostic("inconclusive", "the network itself gives two answers to one input")])
    if not _unobserved(expectations):
        return expectations
    finite = all(np.isfinite(value).all() for e in expectations for value in e.outputs.double.values())
    return expectations + oracle.expectations(further_cases(shaped, sampler, finite), oracle.costly)


def _unobserved(expectations: list[Expected]) -> bool:
    """Whether some output, given right, would tell nothing of the weights in any case."""
    perfect = {
        f"{k}.{name}": array
        for k, expected in enumerate(expectations)
        for name, array in expected.outputs.single.items()
    }
    return bool(RuntimeReport("perfect", compare(expectations, Outputs(perfect, {}))).unobserved)
