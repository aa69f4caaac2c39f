"""The straight line from a spec to a published file. Only this module knows the order of the stages.

Each function runs the line up to its own stage. torch is imported when the first stage needs it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from graphspec import spec as spec_stage
from graphspec.diagnostics import GraphspecError, fail, located
from graphspec.spec import NetworkSpec

if TYPE_CHECKING:
    from torch import nn
    from torch.fx import GraphModule

    from graphspec.data import DataSet
    from graphspec.exporting import Bundle, Facts
    from graphspec.graph import LayerGraph
    from graphspec.predicting import Prediction
    from graphspec.shapes import ShapedGraph
    from graphspec.training import EvaluateReport, TrainReport
    from graphspec.training.checks.lr_finder import LrReport
    from graphspec.training.checks.overfit import OverfitReport
    from graphspec.training.run.reporter import Reporter
    from graphspec.tuning.tune_report import TuneReport
    from graphspec.tuning.vectorized import Together
    from graphspec.verifying import VerifyReport

#: What a network can be given as: a path, ``"-"``, the text, a dict, or a spec already read.
SpecLike = str | os.PathLike[str] | Mapping[str, Any] | NetworkSpec


def load(spec: SpecLike, *, variant: str | None = None, overrides: Iterable[str] = ()) -> NetworkSpec:
    """Stage 1: read and validate. `overrides` are ``"path=value"`` strings, as for ``--set``."""
    if isinstance(spec, NetworkSpec):
        return spec
    return spec_stage.load(spec, variant=variant, overrides=overrides)


@contextlib.contextmanager
def _stage(spec: NetworkSpec) -> Iterator[None]:
    """A stage of the compiler: faults get their place in `spec`, and the garbage collector waits, since a stage makes
    many objects and drops few (a quarter of the time for 10,000 layers)."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        with located(spec.source):
            yield
    finally:
        if collecting:
            gc.enable()


def graph(spec: NetworkSpec) -> LayerGraph:
    """Stage 2: expand blocks, resolve names."""
    from graphspec import graph as graph_stage

    with _stage(spec):
        return graph_stage.build(spec)


def shape(spec: NetworkSpec) -> ShapedGraph:
    """Stages 2 and 3: every value has a shape and a dtype."""
    from graphspec import shapes as shapes_stage

    layers = graph(spec)
    with _stage(spec):
        return shapes_stage.infer(layers)


def build(shaped: ShapedGraph, seed: int | None = None) -> GraphModule:
    """Stage 4: the module, with weights seeded by `seed`, else by ``[train] seed``, else by 0."""
    from graphspec import module as module_stage

    if seed is None:
        seed = shaped.spec.train.seed if shaped.spec.train else 0
    with _stage(shaped.spec):
        return module_stage.build(shaped, seed)


def compile(
    spec: SpecLike, *, variant: str | None = None, overrides: Iterable[str] = (), seed: int | None = None
) -> GraphModule:
    """Compile a spec to an ordinary ``torch.nn.Module`` in training mode.

    A module with one output returns a tensor; with several, a dict by output name.

    Raises:
        GraphspecError: what is wrong with the spec, with file, line and hint.
    """
    return build(shape(load(spec, variant=variant, overrides=overrides)), seed)


def data(spec: SpecLike, *, root: str | os.PathLike[str] | None = None, download: bool = False) -> DataSet:
    """The data set that a spec names, split as training splits it; its test part stays sealed."""
    from graphspec import training

    network = load(spec)
    with located(network.source):
        return training.load_data(network, Path(root) if root else None, download)


def train(
    spec: SpecLike,
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

    network, shaped, module = _of_spec(spec, variant, overrides)
    folder = Path(run or Path("runs") / network.name)
    if tensorboard:
        from graphspec.training.run.reporter import default_reporter
        from graphspec.training.run.tensorboard import TensorBoard

        reporter = TensorBoard(reporter or default_reporter(), folder / "tensorboard")
    with located(network.source):
        return training.train(
            module, shaped, run=folder, resume=resume, epochs=epochs, device=device,
            data_root=Path(data) if data else None, download=download, init=Path(init) if init else None,
            parallel=parallel, evaluated=evaluated, reporter=reporter,
        )  # fmt: skip


def tune(
    spec: SpecLike,
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
    from graphspec.training.train import choose_device
    from graphspec.tuning.tune import tune as search
    from graphspec.tuning.vectorized import together

    network = load(spec, variant=variant, overrides=overrides)
    base = {key: value for key, value in network.source.data.items() if key != "tune"} | {"name": network.name}
    root = Path(data) if data else None
    with located(network.source):
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

    with located(network.source):
        report = search(
            network, known, join=join, load=lambda changes: load(base, overrides=changes),
            train=train_trial, run=Path(run or Path("runs") / f"{network.name}-tune"), resume=resume, trials=trials,
            say=say,
        )  # fmt: skip
    if report.best_run is None or report.counts.get("running"):
        return report
    return dataclasses.replace(
        report, evaluation=evaluate(report.best_run, device=device, data=data, download=download)
    )  # fmt: skip


def find_lr(
    spec: SpecLike,
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

    network, shaped, module = _of_spec(spec, variant, overrides)
    with located(network.source):
        return find_lr(
            module, shaped, picture=Path(picture) if picture else None, device=device,
            data_root=Path(data) if data else None, download=download,
        )  # fmt: skip


def overfit_batch(
    spec: SpecLike,
    *,
    variant: str | None = None,
    overrides: Iterable[str] = (),
    device: str = "auto",
    data: str | os.PathLike[str] | None = None,
    download: bool = False,
) -> OverfitReport:
    """Whether a spec's network can learn its first batch by heart; ``GraphspecError`` where it cannot."""
    from graphspec.training.checks.overfit import overfit_batch

    network, shaped, module = _of_spec(spec, variant, overrides)
    with located(network.source):
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

    shaped, module = _of_run(Path(run))
    with located(shaped.spec.source):
        return training.evaluate(
            module, shaped, Path(run), device=device, data_root=Path(data) if data else None, download=download
        )


def export(
    source: SpecLike,
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

    run = Path(source) if isinstance(source, str | os.PathLike) and source != "-" and os.path.isdir(source) else None
    if run:
        shaped, module = _of_run(run)
    else:
        shaped = shape(load(source, variant=variant, overrides=overrides))
        module = build(shaped)
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
    from graphspec import exporting, training, verifying

    opened = bundle if isinstance(bundle, exporting.Bundle) else exporting.Bundle.open(Path(bundle))
    opened.check_hashes()
    shaped = shape(load(opened.folder / "spec.toml").without_weight_files())
    module = build(shaped)
    training.load_weights(module, training.read_weights(opened.folder, "weights"))
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
    if not (folder / "manifest.json").is_file():
        shaped, module = _of_run(folder)
        run, labels = predicting.module_function(module, list(shaped.outputs)), _labels(folder)
        return predicting.predict(shaped, run, paths, labels=labels, count=count, data_root=root, download=download)
    bundle = exporting.Bundle.open(folder)
    bundle.check_hashes()
    shaped, labels = shape(load(folder / "spec.toml")), bundle.manifest["labels"]
    if "onnx" not in bundle.formats:
        raise fail("not-exportable", f'"{folder}" has no ONNX file', hint="export it with --format onnx")
    with verifying.OnnxFunction(bundle.path("onnx"), shaped) as model:
        return predicting.predict(shaped, model, paths, labels=labels, count=count, data_root=root, download=download)


def _of_spec(
    spec: SpecLike, variant: str | None, overrides: Iterable[str]
) -> tuple[NetworkSpec, ShapedGraph, GraphModule]:
    network = load(spec, variant=variant, overrides=overrides)
    shaped = shape(network)
    return network, shaped, build(shaped)


def _of_run(run: Path) -> tuple[ShapedGraph, nn.Module]:
    """The network of a run folder with its best weights."""
    from graphspec import training

    if not (run / "spec.toml").is_file():
        raise fail("no-run", f'"{run}" holds no run: it has no spec.toml', hint="graphspec train makes one")
    shaped = shape(load(run / "spec.toml").without_weight_files())
    module = build(shaped)
    training.load_weights(module, training.read_weights(run))
    return shaped, module


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
