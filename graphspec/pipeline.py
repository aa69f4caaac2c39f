"""The straight line from a spec to a published file. Only this module knows the order of the stages.

Each function runs the line up to its own stage. torch is imported when the first stage needs it.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from graphspec.compiler import Network, Source, build, compile, graph, is_path, load, shape  # noqa: F401
from graphspec.diagnostics import GraphspecError, fail, located
from graphspec.found import expect
from graphspec.spec import NetworkSpec

if TYPE_CHECKING:
    from graphspec.data import DataSet
    from graphspec.exporting import Bundle, Facts
    from graphspec.predicting import Prediction
    from graphspec.shapes import ShapedGraph
    from graphspec.training import EvaluateReport, TrainReport
    from graphspec.training.checks.lr_finder import LrReport
    from graphspec.training.checks.overfit import OverfitReport
    from graphspec.training.run.reporter import Reporter
    from graphspec.tuning.tune_report import TuneReport
    from graphspec.tuning.vectorized import Together
    from graphspec.verifying import VerifyReport


def data(spec: Source, *, root: str | os.PathLike[str] | None = None, download: bool = False) -> DataSet:
    """The data set that a spec names, split as training splits it; its test part stays sealed."""
    from graphspec import training

    network = load(spec)
    with network.located():
        return training.load_data(network.spec, Path(root) if root else None, download)


def train(
    spec: Source,
    *,
    run: str | os.PathLike[str] | None = None,
    resume: bool = False,
    variant: str | None = None,
    overrides: Iterable[str] = (),
    epochs: int | None = None,
    device: str = "auto",
    data: str | os.PathLike[str] | None = None,
    download: bool = False,
    init: str | os.PathLike[str] | None = None,
    parallel: Literal["ddp", "fsdp"] = "ddp",
    evaluated: bool = True,
    tensorboard: bool = False,
    reporter: Reporter | None = None,
) -> TrainReport:
    """Train a spec into the run folder `run` (``runs/NAME`` by default).

    `data` replaces ``[data] root``; only with `download` is a data set fetched; `init` is a file of weights, or a run,
    to start from; `tensorboard` also writes each epoch's figures for TensorBoard into the run. Under torchrun all
    processes train together; the first one writes and gives the whole report. See :func:`graphspec.training.train`.
    """
    from graphspec import training

    network = load(spec, variant=variant, overrides=overrides)
    shaped, module = network.shaped, network.build()
    folder = Path(run or Path("runs") / network.name)
    if tensorboard:
        from graphspec.training.run.reporter import default_reporter
        from graphspec.training.run.tensorboard import TensorBoard

        reporter = TensorBoard(reporter or default_reporter(), folder / "tensorboard")
    with network.located():
        return training.train(
            module, shaped, run=folder, resume=resume, epochs=epochs, device=device,
            data_root=Path(data) if data else None, download=download, init=Path(init) if init else None,
            parallel=parallel, evaluated=evaluated, reporter=reporter,
        )  # fmt: skip


def tune(
    spec: Source,
    *,
    run: str | os.PathLike[str] | None = None,
    resume: bool = False,
    variant: str | None = None,
    overrides: Iterable[str] = (),
    trials: int | None = None,
    device: str = "auto",
    data: str | os.PathLike[str] | None = None,
    download: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> TuneReport:
    """Search the space of a spec's ``[tune]`` in the folder `run` (``runs/NAME-tune`` by default).

    Each trial is trained like any spec; with `resume` a study goes on, also beside other processes. The best trial's
    weights are measured on every part once no trial is left. See :func:`graphspec.tuning.tune.tune`.
    """
    from graphspec import training, tuning

    tuning.require_optuna()
    tuning.require_own_process()
    from graphspec.training.prepare import choose_device
    from graphspec.tuning.tune import tune as search
    from graphspec.tuning.vectorized import together

    loaded = load(spec, variant=variant, overrides=overrides)
    network = loaded.spec
    base = {key: value for key, value in network.source.data.items() if key != "tune"} | {"name": network.name}
    root = Path(data) if data else None
    with loaded.located():
        known = training.load_data(network, root, download)

    def train_trial(trial: NetworkSpec, folder: Path, resume: bool, reporter: Reporter) -> TrainReport:
        shaped = shape(trial)
        module = build(shaped)
        same = trial.data == network.data and trial.train and network.train and trial.train.seed == network.train.seed
        with located(trial.source):
            return training.train(
                module, shaped, run=folder, resume=resume, device=device, data_root=root, download=download,
                evaluated=False, dataset=known if same else None, reporter=reporter,
            )  # fmt: skip

    def join(trials: Sequence[NetworkSpec]) -> Together | str:
        shaped = shape(trials[0])
        optimizers = [trial.train.optimizer for trial in trials if trial.train]
        return together(build(shaped), shaped, known, optimizers, choose_device(device))

    with loaded.located():
        report = search(
            network, known, join=join, load=lambda changes: load(base, overrides=changes).spec,
            train=train_trial, run=Path(run or Path("runs") / f"{network.name}-tune"), resume=resume, trials=trials,
            say=say,
        )  # fmt: skip
    if report.best_run is None or report.counts.get("running"):
        return report
    return dataclasses.replace(
        report, evaluation=evaluate(report.best_run, device=device, data=data, download=download)
    )  # fmt: skip


def find_lr(
    spec: Source,
    *,
    picture: str | os.PathLike[str] | None = None,
    variant: str | None = None,
    overrides: Iterable[str] = (),
    device: str = "auto",
    data: str | os.PathLike[str] | None = None,
    download: bool = False,
) -> LrReport:
    """The loss at growing learning rates, and the rate at which it falls fastest; drawn to `picture`."""
    from graphspec.training.checks.lr_finder import find_lr

    network = load(spec, variant=variant, overrides=overrides)
    shaped, module = network.shaped, network.build()
    with network.located():
        return find_lr(
            module, shaped, picture=Path(picture) if picture else None, device=device,
            data_root=Path(data) if data else None, download=download,
        )  # fmt: skip


def overfit_batch(
    spec: Source,
    *,
    variant: str | None = None,
    overrides: Iterable[str] = (),
    device: str = "auto",
    data: str | os.PathLike[str] | None = None,
    download: bool = False,
) -> OverfitReport:
    """Whether a spec's network can learn its first batch by heart; ``GraphspecError`` where it cannot."""
    from graphspec.training.checks.overfit import overfit_batch

    network = load(spec, variant=variant, overrides=overrides)
    shaped, module = network.shaped, network.build()
    with network.located():
        return overfit_batch(module, shaped, device=device, data_root=Path(data) if data else None, download=download)


def evaluate(
    run: str | os.PathLike[str],
    *,
    device: str = "auto",
    data: str | os.PathLike[str] | None = None,
    download: bool = False,
) -> EvaluateReport:
    """Measure the best weights of the run folder `run` on every part of its data, and write its report."""
    from graphspec import training

    expect(run, "run")
    network = Network.open(run)
    shaped, module = network.shaped, network.build()
    with located(shaped.spec.source):
        return training.evaluate(
            module, shaped, Path(run), device=device, data_root=Path(data) if data else None, download=download
        )


def export(
    source: Source,
    out: str | os.PathLike[str] | None = None,
    *,
    formats: Sequence[str] | None = None,
    precisions: Sequence[str] | None = None,
    variant: str | None = None,
    overrides: Iterable[str] = (),
    data: str | os.PathLike[str] | None = None,
    download: bool = False,
) -> Bundle:
    """Export a run folder (its best weights), or a spec (its seeded initial weights), to `out` (``exports/NAME``).

    The bundle is published only after it was verified. `data` replaces ``[data] root``; only with `download` is a data
    set fetched. ``"pipeline"`` and the precision ``"int8"`` need the data set, everything else goes without it.

    Raises:
        VerificationError: an exported file is not the same function; nothing was published.
    """
    from graphspec import exporting, verifying

    if is_path(source) and expect(source, "run", "spec") == "run":
        network = Network.open(source)
    else:
        network = load(source, variant=variant, overrides=overrides)
    run, shaped, module = network.folder, network.shaped, network.module
    wanted = shaped.spec.export
    chosen, smaller = tuple(formats or wanted.formats), tuple(precisions or wanted.precisions)
    target = Path(out or Path("exports") / shaped.spec.name)
    with located(shaped.spec.source), exporting.staging(target) as folder, verifying.Workers(chosen) as workers:
        if smaller and "onnx" not in chosen:
            hint, at = 'add "onnx" to the formats', ("export", "precisions")
            raise fail("not-exportable", "the precisions are of model.onnx", at=at, hint=hint)
        root = Path(data) if data else None
        samples = _samples(shaped, run, "pipeline" in chosen or "int8" in smaller, root, download)
        facts = _facts(shaped, run, samples, "pipeline" in chosen, bool(smaller), root)
        bundle = exporting.write_bundle(
            module, shaped, folder / "bundle", formats=chosen, opset_version=wanted.opset_version, facts=facts
        )
        own = [format for format in chosen if format == "aoti"]  # machine code is run only if it is named
        report = verifying.verify_bundle(module, shaped, bundle, runtimes=own, workers=workers)
        report.raise_if_failed(target.with_name(f"{target.name}.failing-input.npz"))
        variants = verifying.add_variants(bundle, module, shaped, smaller, samples) if smaller else {}
        exporting.publish(exporting.seal(bundle, report.as_dict(), variants).folder, target)
    return exporting.Bundle.open(target)


def verify(
    bundle: Bundle | str | os.PathLike[str],
    *,
    runtimes: Sequence[str] = (),
    file: str | os.PathLike[str] | None = None,
) -> VerifyReport:
    """Check an export again: its hashes, and every file against the module that its spec and weights make.

    `runtimes` adds optional ones by name, or ``"all"``. With `file`, an ONNX file of whatever origin is judged instead
    of the export's own.

    Raises:
        VerificationError: a file was changed. A mismatch is in the report: ``.passed``, ``.worst``.
    """
    from graphspec import exporting, verifying

    opened = bundle if isinstance(bundle, exporting.Bundle) else exporting.Bundle.open(_export(bundle))
    opened.check_hashes()
    network = Network.open(opened.folder)
    shaped, module = network.shaped, network.module
    if file is not None:
        if not Path(file).is_file():
            raise fail("no-such-file", f'there is no file "{file}"')
        return verifying.verify_onnx(module, shaped, Path(file), sample=verifying.golden_sample(opened))
    return verifying.verify_bundle(module, shaped, opened, runtimes=runtimes)


def predict(
    source: str | os.PathLike[str],
    files: Iterable[str | os.PathLike[str]] = (),
    *,
    count: int = 8,
    data: str | os.PathLike[str] | None = None,
    download: bool = False,
) -> list[Prediction]:
    """What a run's best weights, or an export's ONNX file in onnxruntime, answer to `files`.

    Without files: to the first `count` samples of the test part, whose truth is known. See
    :func:`graphspec.predicting.predict`.
    """
    from graphspec import exporting, predicting, verifying

    folder, paths, root = Path(source), [Path(file) for file in files], Path(data) if data else None
    if expect(source, "run", "export") == "run":
        network = Network.open(source)
        shaped = network.shaped
        run, labels = predicting.module_function(network.module, list(shaped.outputs)), _labels(folder)
        return predicting.predict(shaped, run, paths, labels=labels, count=count, data_root=root, download=download)
    bundle = exporting.Bundle.open(folder)
    bundle.check_hashes()
    shaped, labels = Network.open(folder).shaped, bundle.manifest["labels"]
    if "onnx" not in bundle.formats:
        raise fail("not-exportable", f'"{folder}" has no ONNX file', hint="export it with --format onnx")
    with verifying.OnnxFunction(bundle.path("onnx"), shaped) as model:
        return predicting.predict(shaped, model, paths, labels=labels, count=count, data_root=root, download=download)


def _export(folder: str | os.PathLike[str]) -> Path:
    expect(folder, "export")
    return Path(folder)


def _labels(run: Path | None) -> list[str] | None:
    """The class names that a run's evaluation noted."""
    path = run / "evaluation.json" if run else None
    return json.loads(path.read_text(encoding="utf-8"))["classes"] if path and path.is_file() else None


def _samples(shaped: ShapedGraph, run: Path | None, needed: bool, root: Path | None, download: bool) -> DataSet | None:
    """The data that an export of `run` tells of; where they are not `needed` they may be out of reach."""
    from graphspec import training

    if not (run or needed or root or download):
        return None
    try:
        return training.load_data(shaped.spec, root, download)
    except GraphspecError:
        if needed or root or download:
            raise
        return None


def _facts(
    shaped: ShapedGraph, run: Path | None, samples: DataSet | None, pipeline: bool, strict: bool, root: Path | None
) -> Facts:
    """What an export says of the data; no more than the labels where they do not fit the network, unless `strict`."""
    from graphspec import exporting

    if samples is not None:
        try:
            return exporting.facts_of(shaped, samples, pipeline, root)
        except GraphspecError:
            if pipeline or strict:
                raise
    return exporting.Facts(labels=_labels(run))
