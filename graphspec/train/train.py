"""A run from its first step to its report: prepare, fit, evaluate."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from graphspec.data import Batches, DataSet, load
from graphspec.diagnostics import fail, warn
from graphspec.shapes.shaped import ShapedGraph
from graphspec.spec.model import NetworkSpec
from graphspec.spec.train import TrainSpec
from graphspec.train import checkpoint, plots
from graphspec.train.evaluate import evaluate_run
from graphspec.train.fields import match_fields
from graphspec.train.learner import Best, Learner
from graphspec.train.loop import measure, train_step
from graphspec.train.metrics import MetricSet
from graphspec.train.objective import build_objective
from graphspec.train.optimizer import Schedule, build_optimizer
from graphspec.train.preflight import check_monitor, preflight
from graphspec.train.progress import Reporter, default_reporter
from graphspec.train.report import EvaluateReport, TrainReport
from graphspec.train.resume import check_same_run
from graphspec.train.run_folder import RunFolder
from graphspec.train.saver import SAVE_SECONDS, Saver
from graphspec.train.signals import StopFlag, stop_flag
from graphspec.train.threads import calibrate, restored_threads


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
    reporter: Reporter | None = None,
) -> TrainReport:
    """Train `module` as the spec of `shaped` says, into the folder `run`.

    `epochs` replaces the spec's; with `resume` a run goes on where it stopped, bit-identical on the CPU at the same
    thread count. `device` is auto, cpu, cuda or mps. `data_root` replaces ``[data] root``; only with `download` is
    anything fetched. `module` ends with the best weights.

    Raises ``GraphspecError`` before the first step for everything that can be known by then; ``Interrupted`` or
    ``Terminated`` (exit codes 130 and 143) after a signal, with the state saved.
    """
    spec = shaped.spec
    total = epochs or _settings(spec).epochs
    where = choose_device(device)
    folder = RunFolder(run)
    folder.check(resume)
    data = load_data(spec, data_root, download)
    with restored_threads(), _own_random_state(where):
        learner = _learner(module, shaped, data, where, total)
        batches = data.batches("train", where)
        preflight(module, learner.objective, learner.fields, batches, data)
        with folder, stop_flag() as flag:
            _choose_threads(learner, batches, folder, resume)
            saver = Saver(learner, spec, data, folder)
            _start(learner, saver, resume)
            _fit(learner, batches, data, total, saver, flag, reporter or default_reporter())
            plots.curves(learner.history, learner.best.epoch, folder.path / "curves.png")
            evaluation = evaluate_run(learner, data, folder)
    return _report(learner, folder, data, evaluation)


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
        learner = _learner(module, shaped, data, where, epochs=1)
        _choose_threads(learner, data.batches("train"), folder, resume=True)
        return evaluate_run(learner, data, folder)


def load_data(spec: NetworkSpec, data_root: Path | None = None, download: bool = False) -> DataSet:
    """The data set of `spec`, split by ``[train] seed``. Raises ``GraphspecError`` where the spec has no ``[data]``."""
    if spec.data is None:
        raise fail("no-training", f'"{spec.name}" has no [data] section', hint='add [data] with dataset = "…"')
    seed = spec.train.seed if spec.train else 0
    return load(spec.data, seed=seed, root=data_root, download=download)


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


def _learner(module: nn.Module, shaped: ShapedGraph, data: DataSet, device: torch.device, epochs: int) -> Learner:
    """Everything that `module` is trained with, on `device`."""
    settings = _settings(shaped.spec)
    torch.manual_seed(settings.seed)
    module.to(device).train()
    fields = match_fields(shaped, data)
    objective = build_objective(settings.loss, len(data.classes) if data.classes else None, device)
    metrics = MetricSet(settings.metrics, objective, device)
    monitor = settings.monitor or next(iter(metrics.kinds), "loss")
    check_monitor(monitor, metrics)
    optimizer = build_optimizer(settings.optimizer, module)
    schedule = Schedule(settings.scheduler, optimizer, epochs, len(data.batches("train")), monitor)
    return Learner(module, objective, optimizer, schedule, metrics, fields, device, Best(monitor))


def _choose_threads(learner: Learner, batches: Batches, folder: RunFolder, resume: bool) -> None:
    """The thread count of a resumed run as it was, of a new one as a few trial steps advise."""
    if learner.device.type != "cpu":
        return
    if resume:
        torch.set_num_threads(folder.read_json("environment")["threads"])
        return
    batch = next(batches.in_order())
    inputs, target = learner.fields.inputs_of(batch), learner.fields.target_of(batch)
    calibrate(learner.module, lambda trial: learner.objective(trial(*inputs), target).backward())


def _start(learner: Learner, saver: Saver, resume: bool) -> None:
    """Write what a run is known by, or take up its newest checkpoint."""
    if not resume:
        saver.begin()
        return
    folder = saver.folder
    state = checkpoint.load(folder.checkpoints)
    if state is None:
        warn("no-run", f"{folder.path} was stopped before its first checkpoint; it starts from the beginning")
        return
    check_same_run(state["run"], saver.run)
    learner.load_state_dict(state)


def _fit(
    learner: Learner, batches: Batches, data: DataSet, epochs: int, saver: Saver, flag: StopFlag, reporter: Reporter
) -> None:
    """Train until `epochs` epochs are done, or a signal comes."""
    validation = data.batches("validation", learner.device) if data.validation is not None else None
    reporter.start(epochs, len(batches), learner.epoch, learner.batch)
    try:
        while learner.epoch < epochs:
            _epoch(learner, batches, saver, flag, reporter)
            _close_epoch(learner, validation, len(batches.samples))
            reporter.epoch(learner.history[-1], epochs)
            if learner.epoch < epochs and saver.due():
                saver.save()
        saver.save()
    finally:
        reporter.close()


def _epoch(learner: Learner, batches: Batches, saver: Saver, flag: StopFlag, reporter: Reporter) -> None:
    """The rest of the running epoch."""
    started = time.perf_counter()
    for batch in batches.shuffled(learner.epoch, learner.batch):
        reporter.step(train_step(learner, batch))
        if flag.signal is not None or saver.due(SAVE_SECONDS):
            learner.seconds += time.perf_counter() - started
            started = time.perf_counter()
            saver.save()
        if flag.signal is not None:
            raise flag.error(learner.step)
    learner.seconds += time.perf_counter() - started


def _close_epoch(learner: Learner, validation: Batches | None, samples: int) -> None:
    """Measure, step the schedule, keep the best weights, and begin the next epoch."""
    started = time.perf_counter()
    row: dict[str, Any] = {"epoch": learner.epoch + 1, "step": learner.step, "lr": learner.schedule.lr}
    figures = learner.metrics.compute()
    row |= {f"train_{name}": value for name, value in figures.items()}
    if validation is not None:
        figures = measure(learner, validation)
        row |= {f"validation_{name}": value for name, value in figures.items()}
        learner.best.offer(figures[learner.best.monitor], learner.epoch + 1, learner.module)
    learner.schedule.after_epoch(figures[learner.best.monitor])
    learner.metrics.reset()
    learner.epoch, learner.batch = learner.epoch + 1, 0
    learner.seconds += time.perf_counter() - started
    row["seconds"] = round(learner.seconds - sum(earlier["seconds"] for earlier in learner.history), 3)
    learner.history.append(row)


def _report(learner: Learner, folder: RunFolder, data: DataSet, evaluation: EvaluateReport) -> TrainReport:
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
