"""A run from its first step to its report: prepare, fit, evaluate."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from graphspec.data import Batches, DataSet, load
from graphspec.diagnostics import fail, warn
from graphspec.shapes.shaped import ShapedGraph
from graphspec.spec.model import NetworkSpec
from graphspec.spec.train import TrainSpec
from graphspec.system import processes
from graphspec.system.canvas import Album
from graphspec.system.out_of_memory import enough_memory
from graphspec.training.binding import match_fields
from graphspec.training.checks.preflight import check_monitor, preflight
from graphspec.training.checks.step_memory import check_memory
from graphspec.training.engine.equip import equip
from graphspec.training.engine.reproducible import reproducible
from graphspec.training.engine.threads import Threads, restored_threads
from graphspec.training.evaluation.evaluate import evaluate_run
from graphspec.training.fit import Fit
from graphspec.training.learner import Best, Learner
from graphspec.training.metrics.metric_set import MetricSet
from graphspec.training.objective import Target, build_objective
from graphspec.training.optim.average import WeightAverage
from graphspec.training.optim.optimizer import Schedule, build_optimizer
from graphspec.training.optim.precision import Precision
from graphspec.training.plots import run_plots
from graphspec.training.run import checkpoint
from graphspec.training.run.initial import named_by_spec, start_from
from graphspec.training.run.report import EvaluateReport, TrainReport
from graphspec.training.run.reporter import Reporter, default_reporter
from graphspec.training.run.resume import take_up
from graphspec.training.run.run_folder import RunFolder
from graphspec.training.run.saver import Saver
from graphspec.training.run.signals import stop_flag

if TYPE_CHECKING:
    from graphspec.training.distributed.process_run import Job


@enough_memory("training")
def train(
    module: nn.Module,
    shaped: ShapedGraph,
    *,
    run: Path,
    resume: bool = False,
    epochs: int | None = None,
    device: str = "auto",
    data_root: Path | None = None,
    download: bool = False,
    init: Path | None = None,
    parallel: Literal["ddp", "fsdp"] = "ddp",
    evaluated: bool = True,
    dataset: DataSet | None = None,
    reporter: Reporter | None = None,
) -> TrainReport:
    """Train `module` as the spec of `shaped` says, into the folder `run`.

    `epochs` replaces the spec's; with `resume` a run goes on where it stopped, bit-identical on the CPU at the same
    thread count. `device` is auto, cpu, cuda or mps. `data_root` replaces ``[data] root``; only with `download` is
    anything fetched. `init` is a file of weights, or a run folder, to start from in place of ``[train] init``. `module`
    ends with the best weights. Without `evaluated` the run ends with its last checkpoint, and the test part stays
    sealed. `dataset` is what ``[data]`` names, where the caller has it already. Where torchrun has started several
    processes they train together, each with the whole module or, with `parallel` ``"fsdp"``, with a part of it.

    Raises ``GraphspecError`` before the first step for everything that can be known by then; ``Interrupted`` or
    ``Terminated`` (exit codes 130 and 143) after a signal, with the state saved.
    """
    spec, settings, where = shaped.spec, _settings(shaped.spec), choose_device(device)
    total, folder, reporter = epochs or settings.epochs, RunFolder(run), reporter or default_reporter()
    begin = functools.partial(_begin, module, settings, init, reporter)
    if processes.size() > 1:
        from graphspec.training.distributed.process_run import Job

        job = Job(module, shaped, settings, folder, total, where, parallel, data_root, download, begin)
        return _train_in_processes(job, resume, evaluated, reporter)
    folder.check(resume)
    data = dataset or load_data(spec, data_root, download)
    if not resume:
        begin()
    with restored_threads(), _own_random_state(where), reproducible(settings.deterministic):
        learner = make_learner(module, shaped, data, where, total)
        batches = data.batches("train", where)
        validation = data.batches("validation", where) if data.validation is not None else None
        preflight(module, learner.objective, learner.fields, batches, data)
        check_memory(shaped, learner.optimizer, batches.batch_size, where)
        with folder, stop_flag() as flag:
            threads = _threads(learner, batches)
            if where.type == "cpu" and not resume:
                threads.choose()
            saver = Saver(learner, spec, data, folder)
            _start(learner, saver, resume)
            equip(learner, settings, batches, (total - learner.epoch) * len(batches))
            Fit(learner, batches, validation, total, settings, saver, threads, flag, reporter).run()
            evaluation = _evaluation(learner, learner, data, folder) if evaluated else None
    return _report(learner, folder, data, evaluation)


def _train_in_processes(job: Job, resume: bool, evaluated: bool, reporter: Reporter) -> TrainReport:
    """This process's part of a run that torchrun has started in several; the first one evaluates."""
    from graphspec.training.distributed.process_run import own_device, train_together

    job = dataclasses.replace(job, device=own_device(job.device))
    with restored_threads(), _own_random_state(job.device), reproducible(job.settings.deterministic):
        trained = train_together(job, resume, reporter)
        evaluation = None
        if trained.first and evaluated:
            with RunFolder(job.folder.path):
                evaluation = _evaluation(trained.learner, trained.judge, trained.data, job.folder)
    return _report(trained.learner, job.folder, trained.data, evaluation)


def _begin(module: nn.Module, settings: TrainSpec, init: Path | None, reporter: Reporter) -> None:
    """Take the weights that a new run starts from."""
    if init or settings.init:
        kept = start_from(module, init or named_by_spec(settings.init or ""), at=() if init else ("train", "init"))
        if kept:
            reporter.note(f"new weights, not in the file: {', '.join(kept)}")


@contextlib.contextmanager
def prepared(
    module: nn.Module, shaped: ShapedGraph, device: str, data_root: Path | None = None, download: bool = False
) -> Iterator[tuple[Learner, Batches]]:
    """A learner for `module` with its training batches, checked as before a run; torch's state is restored after it."""
    where, settings = choose_device(device), _settings(shaped.spec)
    data = load_data(shaped.spec, data_root, download)
    with (
        enough_memory("training"),
        restored_threads(),
        _own_random_state(where),
        reproducible(settings.deterministic),
    ):
        learner = make_learner(module, shaped, data, where, settings.epochs)
        batches = data.batches("train", where)
        preflight(module, learner.objective, learner.fields, batches, data)
        if where.type == "cpu":
            _threads(learner, batches).choose()
        yield learner, batches


@enough_memory("the network's answers")
def evaluate(
    module: nn.Module,
    shaped: ShapedGraph,
    run: Path,
    *,
    device: str = "auto",
    data_root: Path | None = None,
    download: bool = False,
) -> EvaluateReport:
    """Measure the best weights of `run` on every part of the data, the test part included.

    Writes ``evaluation.json`` and the pictures into the run folder; `module` ends with those weights.
    """
    where = choose_device(device)
    folder = RunFolder(run)
    folder.check(resume=True)
    data = load_data(shaped.spec, data_root, download)
    with restored_threads(), _own_random_state(where):
        learner = make_learner(module, shaped, data, where, epochs=1)
        return evaluate_run(learner, data, folder, whole=True)


def load_data(spec: NetworkSpec, data_root: Path | None = None, download: bool = False) -> DataSet:
    """The data set of `spec`, split by ``[train] seed``. Raises ``GraphspecError`` where the spec has no ``[data]``."""
    if spec.data is None:
        raise fail("no-training", f'"{spec.name}" has no [data] section', hint='add [data] with dataset = "…"')
    seed = spec.train.seed if spec.train else 0
    with enough_memory("the data set", ("data", "dataset"), hint="fewer samples, or smaller images, need less"):
        return load(spec.data, seed=seed, root=data_root, download=download)


def sample(shaped: ShapedGraph, count: int) -> dict[str, Tensor]:
    """The first `count` validation (else training) samples as the network takes them, by input name."""
    data = load_data(shaped.spec)
    batch = data.batch(count, "validation" if data.validation is not None else "train")
    return dict(zip(shaped.inputs, match_fields(shaped, data).inputs_of(batch), strict=True))


def choose_device(name: str) -> torch.device:
    """The device called `name`; ``auto`` is CUDA where there is one, then Apple's MPS, then the CPU."""
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if present[kind]))
    if name not in present:
        raise fail("bad-value", f'"{name}" is not a device', hint="auto, cpu, cuda or mps")
    if not present[name]:
        raise fail("bad-value", f"this machine has no {name} device", hint="--device auto takes what there is")
    return torch.device(name)


def _own_random_state(device: torch.device) -> AbstractContextManager[None]:
    """Inside this context torch's generators may be seeded; the caller's go on untouched afterwards."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def _settings(spec: NetworkSpec) -> TrainSpec:
    if spec.train is None:
        raise fail("no-training", f'"{spec.name}" has no [train] section', hint="add [train] with loss and optimizer")
    return spec.train


def make_learner(module: nn.Module, shaped: ShapedGraph, data: DataSet, device: torch.device, epochs: int) -> Learner:
    """Everything that `module` is trained with, on `device`."""
    settings = _settings(shaped.spec)
    torch.manual_seed(settings.seed)
    fields = match_fields(shaped, data)
    module.to(device).to(memory_format=fields.memory_format).train()
    about = {name: _target(name, data) for name in data.train.targets}
    objective = build_objective(settings.loss, fields.targets, about, tuple(shaped.outputs), device)
    metrics = MetricSet(settings.metrics, objective, device)
    monitor = settings.monitor or next(iter(metrics.metrics), "loss")
    check_monitor(monitor, metrics)
    optimizer = build_optimizer(settings.optimizer, module)
    if settings.optimizer.type == "LBFGS" and (settings.accumulate > 1 or settings.precision != "fp32"):
        raise fail("bad-value", "LBFGS takes whole batches, in fp32", at=("train", "optimizer"))
    updates = -(-len(data.batches("train")) // settings.accumulate)
    schedule = Schedule(settings.scheduler, optimizer, epochs, updates, monitor, settings.warmup)
    return Learner(
        module, objective, optimizer, schedule, metrics, fields, device, Best(monitor),
        Precision.of(settings.precision, device), settings.clip_grad_norm,
        WeightAverage(module, settings.ema) if settings.ema else None,
    )  # fmt: skip


def _target(name: str, data: DataSet) -> Target:
    """What a loss has to know of the target field `name`."""
    if name not in data.labels:
        return Target(None)
    classes = len(data.labels[name])
    return Target(classes, lambda: torch.bincount(data.train.targets[name].cpu(), minlength=classes))


def _threads(learner: Learner, batches: Batches) -> Threads:
    batch = next(batches.in_order())
    inputs, target = learner.fields.inputs_of(batch), learner.fields.targets_of(batch)
    return Threads(learner.module, lambda trial: learner.objective(trial(*inputs), target).backward())


def _start(learner: Learner, saver: Saver, resume: bool) -> None:
    """Write what a run is known by, or take up its newest checkpoint."""
    if not resume:
        saver.begin()
        return
    folder = saver.folder
    state = checkpoint.load(folder.checkpoints)
    if state is None:
        warn("no-run", f"{folder.path} was stopped before its first checkpoint; it starts from the beginning")
        saver.begin()
        return
    take_up(learner, state, saver.run)


def _evaluation(learner: Learner, judge: Learner, data: DataSet, folder: RunFolder) -> EvaluateReport:
    """What the run of `learner` has reached; `judge` measures the best weights."""
    with Album(folder.path) as album:
        album.add("curves.png", run_plots.curves, learner.history, learner.best.epoch)
    return evaluate_run(judge, data, folder)


def _report(learner: Learner, folder: RunFolder, data: DataSet, evaluation: EvaluateReport | None) -> TrainReport:
    seen = learner.epoch * len(data.train)
    return TrainReport(
        run=folder.path,
        epochs=learner.epoch,
        steps=learner.step,
        best_epoch=learner.best.epoch or learner.epoch,
        monitor=learner.best.monitor,
        history=learner.history,
        seconds=learner.seconds,
        samples_per_second=seen / learner.seconds if learner.seconds else 0.0,
        evaluation=evaluation,
    )
