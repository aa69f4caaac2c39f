"""A run from its first step to its report: prepare, fit, evaluate."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor, nn

from graphspec.data import Batches, DataSet, load
from graphspec.diagnostics import fail, warn
from graphspec.shapes.shaped import ShapedGraph
from graphspec.spec.model import NetworkSpec
from graphspec.spec.train import TrainSpec
from graphspec.training import checkpoint, plots
from graphspec.training.engine import equip
from graphspec.training.evaluate import evaluate_run
from graphspec.training.fields import match_fields
from graphspec.training.fit import Fit
from graphspec.training.learner import Best, Learner
from graphspec.training.metrics import MetricSet
from graphspec.training.objective import build_objective
from graphspec.training.optimizer import Schedule, build_optimizer
from graphspec.training.preflight import check_monitor, preflight
from graphspec.training.progress import Reporter, default_reporter
from graphspec.training.report import EvaluateReport, TrainReport
from graphspec.training.resume import take_up
from graphspec.training.run_folder import RunFolder
from graphspec.training.saver import Saver
from graphspec.training.signals import stop_flag
from graphspec.training.threads import Threads, restored_threads


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
        learner = make_learner(module, shaped, data, where, total)
        batches = data.batches("train", where)
        validation = data.batches("validation", where) if data.validation is not None else None
        preflight(module, learner.objective, learner.fields, batches, data)
        with folder, stop_flag() as flag:
            threads = _threads(learner, batches)
            if where.type == "cpu" and not resume:
                threads.choose()
            saver = Saver(learner, spec, data, folder)
            _start(learner, saver, resume)
            equip(learner, _settings(spec), batches, (total - learner.epoch) * len(batches))
            Fit(
                learner,
                batches,
                validation,
                total,
                _settings(spec),
                saver,
                threads,
                flag,
                reporter or default_reporter(),
            ).run()
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
        learner = make_learner(module, shaped, data, where, epochs=1)
        return evaluate_run(learner, data, folder)


def load_data(spec: NetworkSpec, data_root: Path | None = None, download: bool = False) -> DataSet:
    """The data set of `spec`, split by ``[train] seed``. Raises ``GraphspecError`` where the spec has no ``[data]``."""
    if spec.data is None:
        raise fail("no-training", f'"{spec.name}" has no [data] section', hint='add [data] with dataset = "…"')
    seed = spec.train.seed if spec.train else 0
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
    objective = build_objective(settings.loss, len(data.classes) if data.classes else None, device)
    metrics = MetricSet(settings.metrics, objective, device)
    monitor = settings.monitor or next(iter(metrics.kinds), "loss")
    check_monitor(monitor, metrics)
    optimizer = build_optimizer(settings.optimizer, module)
    updates = -(-len(data.batches("train")) // settings.accumulate)
    schedule = Schedule(settings.scheduler, optimizer, epochs, updates, monitor)
    best, clip = Best(monitor), settings.clip_grad_norm
    return Learner(module, objective, optimizer, schedule, metrics, fields, device, best, clip)


def _threads(learner: Learner, batches: Batches) -> Threads:
    batch = next(batches.in_order())
    inputs, target = learner.fields.inputs_of(batch), learner.fields.target_of(batch)
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
