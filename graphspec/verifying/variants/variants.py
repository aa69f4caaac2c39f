"""Make the variants that were asked for, measure each beside float32, and refuse those that differ."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from graphspec.compiler import Network
from graphspec.data import DataSet, Samples
from graphspec.data.binding import bind
from graphspec.data.dataset import Part
from graphspec.diagnostics import Diagnostic, VerificationError, fail
from graphspec.exporting.bundle.bundle import Bundle, variant_file
from graphspec.exporting.capture import eval_network
from graphspec.exporting.costly import batch_dim
from graphspec.exporting.postprocessing import Postprocessing
from graphspec.exporting.reference import Arrays, as_array
from graphspec.exporting.sampler import Sampler
from graphspec.formats import BASE, Format, chosen
from graphspec.shapes.shaped import ShapedGraph
from graphspec.training.evaluate.measure import measure
from graphspec.training.prepare import make_learner
from graphspec.verifying.runner import Runner
from graphspec.verifying.runtimes.child import WorkerError
from graphspec.verifying.runtimes.runtime import standard
from graphspec.verifying.runtimes.workers import Workers
from graphspec.verifying.variants.comparison import Agreement, Beside, Run, Session, latency
from graphspec.verifying.variants.convert import AT
from graphspec.verifying.variants.variant_report import VariantReport, diagnostics, readme_section

#: Training samples by which activations of int8 are scaled, in so many a batch.
CALIBRATION, BATCH = 256, 32
#: Draws by which a variant is compared where there are no data.
DRAWS = 64


def add_variants(
    bundle: Bundle, network: Network, precisions: Sequence[str], data: DataSet | None
) -> dict[str, dict[str, Any]]:
    """Write ``model.PRECISION.onnx``, or ``.tflite``, into `bundle`'s folder for each of `precisions`, and a word on
    it to its README.

    Agreement, and with ``[train]`` the loss and metrics, are measured on `data`'s test part; on the validation part
    where there is no other, and on seeded normals without `data`. Returns what was found by precision, as data; in
    another format than ONNX by its name, too.

    Raises:
        GraphspecError: ``not-exportable`` where there are no data for int8, or nothing that it quantises.
        VerificationError: ``mismatch`` where a variant differs from float32.
    """
    samples = _Data(network, data) if data is not None else _Draws(network)
    reading = Postprocessing.of(network.shaped, bundle.manifest["labels"])
    reports = {}
    rows = [row for row in chosen(bundle.formats) if row.variants]
    for format, precision in itertools.product(rows, precisions):
        source, target = bundle.path(format.name), bundle.folder / variant_file(format, precision)
        maker = importlib.import_module(f"graphspec.verifying.variants.{format.variants}")
        if precision == "fp16":
            maker.write_fp16(source, target)
        else:
            maker.write_int8(source, target, samples.calibration)
        key = precision if format is BASE else f"{precision} {format.name}"
        with Runner(network.shaped, Workers(())) as runner:
            check_that_it_runs(target, samples.one(), runner, format)
        reports[key] = _compare(maker.runner, source, target, precision, network.shaped, reading, samples)
    if faults := diagnostics(reports.values()):
        raise VerificationError(faults)
    with (bundle.folder / "README.md").open("a", encoding="utf-8") as file:
        file.write(readme_section(reports.values()))
    return {key: report.as_dict() for key, report in reports.items()}


def _compare(
    runner: Callable[[Path], Run],
    reference: Path,
    target: Path,
    precision: str,
    shaped: ShapedGraph,
    reading: Postprocessing,
    samples: _Data | _Draws,
) -> VariantReport:
    run_own, run_variant = runner(reference), runner(target)
    own, variant, agreement = Session(run_own, shaped), Session(run_variant, shaped), Agreement(reading)
    right = samples.measure(own)
    found = samples.measure(Beside(own, variant, agreement))
    seconds, ratio = latency(run_own, run_variant, samples.one())
    size = target.stat().st_size
    return VariantReport(
        precision, target.name, size, size / reference.stat().st_size, 1000 * seconds, ratio, agreement.share,
        samples.count, samples.part, {name: (right[name], found[name]) for name in right}, agreement.of_classes,
    )  # fmt: skip


def check_that_it_runs(path: Path, inputs: Arrays, runner: Runner, format: Format = BASE) -> None:
    """Run the file of `format` at `path` once, in a process of its own: what the tools make can end it.

    Raises:
        VerificationError: ``runtime-failed`` where it does not run.
    """
    runtime = standard(format.name)
    runner.limit_memory([{name: torch.from_numpy(value) for name, value in inputs.items()}])
    try:
        problem = runner.run(runtime, path, runner.write("variant_inputs.npz", [inputs])).errors.get("0")
    except WorkerError as error:
        problem = str(error)
    if problem:
        raise VerificationError([Diagnostic("runtime-failed", f"{path.name} in {runtime.name}: {problem}", AT)])


class _Draws:
    """Seeded normals in the place of data."""

    part = "seeded normals"
    count = DRAWS

    def __init__(self, network: Network) -> None:
        self._sampler = Sampler.of(eval_network(network))
        ones = {dim: 1 if dim == batch_dim(network.shaped) else size for dim, size in self._sampler.sizes.items()}
        self._inputs = [self._sampler.draw(ones, seed=seed) for seed in range(DRAWS)]

    def calibration(self) -> list[Arrays]:
        """Refused: made-up inputs say nothing of the range of real ones."""
        raise fail("not-exportable", "int8 is scaled by training samples, the spec has no [data]", at=AT)

    def one(self) -> Arrays:
        """One sample by input name."""
        return {name: as_array(value) for name, value in self._inputs[0].items()}

    def measure(self, module: nn.Module) -> dict[str, float]:
        """Run `module` on all of it; without targets there is nothing to measure."""
        for inputs in self._inputs:
            module(*inputs.values())
        return {}


class _Data:
    """A part of the data set that training has not seen."""

    def __init__(self, network: Network, data: DataSet) -> None:
        self._network, self._data = network, data
        unseen: Part = "validation" if data.validation is not None else "train"
        self._part: Part = "test" if data.test.exists else unseen
        self._binding = bind(network.shaped, data)

    @property
    def part(self) -> str:
        """In words."""
        return f"the {self._part} part"

    @property
    def count(self) -> int:
        """How many samples it has."""
        return len(self._data.samples(self._part))

    def calibration(self) -> list[Arrays]:
        """Training samples, spread evenly over the part, in batches by input name."""
        samples = self._data.train
        chosen = torch.linspace(0, len(samples) - 1, min(CALIBRATION, len(samples))).long()
        batches = dataclasses.replace(self._data.batches("train"), samples=samples.subset(chosen))
        return list(self._by_name(batches.in_order(BATCH)))

    def one(self) -> Arrays:
        """One sample by input name."""
        return next(self._by_name(self._data.batches(self._part).in_order(1)))

    def _by_name(self, batches: Iterator[Samples]) -> Iterator[Arrays]:
        names = list(self._network.shaped.inputs)
        for batch in batches:
            values = map(as_array, self._binding.inputs_of(batch))
            yield dict(zip(names, values, strict=True))

    def measure(self, module: nn.Module) -> dict[str, float]:
        """Loss and metrics of `module` on the part; without ``[train]`` it is only run."""
        if self._network.spec.train is None:
            for batch in self._data.batches(self._part).in_order():
                module(*self._binding.inputs_of(batch))
            return {}
        with torch.random.fork_rng(devices=[]):
            learner = make_learner(self._network.copy(), self._data, torch.device("cpu"), epochs=1)
        learner.module = module
        return measure(learner, self._data.batches(self._part)).metrics
