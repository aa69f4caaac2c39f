"""A run from its first step to its report: prepare, fit, evaluate."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import nn

from graphspec.compiler import Network
from graphspec.data import Batches, DataSet, load_data
from graphspec.data.place import DataLike, DataPlace
from graphspec.diagnostics import quoted, warn
from graphspec.module.initial import named_by_spec, start_from
from graphspec.spec.train import TrainSpec
from graphspec.system import processes
from graphspec.system.canvas import Album
from graphspec.system.out_of_memory import enough_memory
from graphspec.training.checks.advice import advice
from graphspec.training.checks.preflight import preflight
from graphspec.training.checks.step_memory import check_memory
from graphspec.training.engine.protocol import Choice
from graphspec.training.engine.reproducible import reproducible
from graphspec.training.engine.threads import restored_threads
from graphspec.training.evaluate.ensemble import evaluate_together
from graphspec.training.evaluate.evaluate import evaluate_run
from graphspec.training.fit import Fit
from graphspec.training.learner import Learner
from graphspec.training.optim.frozen import AT as UNFREEZE
from graphspec.training.optim.teacher import taught
from graphspec.training.own.callback import Callbacks
from graphspec.training.plots import run_plots
from graphspec.training.prepare import (
    choose_device,
    flops_of_a_step,
    make_learner,
    own_random_state,
    say_what_is_always_one,
    say_what_is_monitored,
    settings_of,
)
from graphspec.training.run import checkpoint
from graphspec.training.run.one_process import OneProcess
from graphspec.training.run.report import EvaluateReport, TrainReport
from graphspec.training.run.reporter import Reporter, default_reporter
from graphspec.training.run.run_folder import RunFolder
from graphspec.training.run.run_options import RunOptions
from graphspec.training.run.saver import Saver
from graphspec.training.run.signals import stop_flag


@enough_memory("training")
def train(
    network: Network, options: RunOptions, data: DataSet | DataLike = None, reporter: Reporter | None = None
) -> TrainReport:
    """Train a copy of `network` as its spec says, into the folder that `options` name.

    `data` says where what ``[data]`` names lies, or is that itself.

    Raises ``GraphspecError`` before the first step for everything that can be known by then; ``Interrupted`` or
    ``Terminated`` (exit codes 130 and 143) after a signal, with the state saved.
    """
    settings, folder, reporter = settings_of(network.spec), RunFolder(options.folder), reporter or default_reporter()
    epochs = options.epochs or settings.epochs
    with contextlib.ExitStack() as stack:
        where = _processes(options, len(network.shaped.outputs), stack)
        stack.enter_context(restored_threads())
        stack.enter_context(own_random_state(where.device))
        stack.enter_context(reproducible(settings.deterministic))
        where.once(folder.recover)
        resume = where.goes_on(folder, options)
        where.once(partial(folder.check, resume, options.overwrite))
        read = partial(load_data, network.spec)
        samples = data if isinstance(data, DataSet) else where.load(read, DataPlace.of(data))
        module = network.build(start=False)
        if not resume:
            _begin(module, settings, options.init, reporter)
        batches = samples.batches("train", where.device)
        learner, judge = _learners(where, network.with_module(module), samples, batches, epochs)
        validation = samples.batches("validation", where.device) if samples.validation is not None else None
        where.once(partial(stack.enter_context, folder))
        flag = where.stop_flag(stack.enter_context(stop_flag()))
        if not resume:  # a run that goes on takes up the count that it began with
            where.threads(flops_of_a_step(learner, network.shaped, batches))
        saver, callbacks = where.saver(learner, network.spec, samples, folder), _callbacks(network, folder)
        reporter = where.reporter(callbacks.beside(reporter))
        stack.callback(callbacks.end)
        new = not _taken_up(where, learner, saver, resume)
        _say_what_never_learns(learner, epochs)
        engage = partial(_engage, where, learner, settings, batches, epochs)
        saver.say(engage(), settings, reporter)
        saver.say_teacher(settings, reporter)
        if not new:
            saver.say_what_is_own(reporter)
        if new:
            saver.say_columns(reporter)
            where.once(partial(saver.begin, reporter))
        Fit(
            learner, where.batches(batches), validation, epochs, settings, saver, flag, reporter, where.step,
            where.measure, lambda: str(engage()),
        ).run()  # fmt: skip
        where.leave()
        evaluation = _evaluation(learner, judge, samples, folder) if where.first and options.evaluated else None
        if where.first:
            folder.finish()
        callbacks.end(evaluation.parts if evaluation else None)
    report = _report(learner, folder, samples, evaluation)
    if where.first and report.advice:
        warn("not-learning", report.advice, at=("train",))
    return report


def _engage(where: OneProcess, learner: Learner, settings: TrainSpec, batches: Batches, epochs: int) -> Choice:
    """Let the engine of the steps that are left compute them; the one before leaves the optimiser as it is."""
    learner.engine.settle()
    choice = where.choose(learner, settings, batches, (epochs - learner.epoch) * len(batches))
    learner.engine = choice.engine
    return choice


def _say_what_never_learns(learner: Learner, epochs: int) -> None:
    """Warn where the run is shorter than the spec says, and ends before frozen layers learn."""
    for name, after in learner.frozen.until.items():
        if after >= epochs:
            warn(
                "not-learning", f"{quoted(name)} learns after epoch {after}: this run ends before", at=(*UNFREEZE, name)
            )


def _callbacks(network: Network, folder: RunFolder) -> Callbacks:
    """What ``[train] callbacks`` names."""
    plain = network.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    return Callbacks(settings_of(network.spec).callbacks, folder.path, plain)


def _processes(options: RunOptions, outputs: int, stack: contextlib.ExitStack) -> OneProcess:
    """Those that torchrun has started, joined until they leave; else this one."""
    device = choose_device(options.device)
    if processes.size() == 1:
        return OneProcess(device)
    from graphspec.training.distributed.processes import Processes

    return stack.enter_context(Processes.joined(device, options.parallel, outputs))


def _learners(
    where: OneProcess, network: Network, samples: DataSet, batches: Batches, epochs: int
) -> tuple[Learner, Learner]:
    """What trains the network's module, checked before its first step, and what measures the best weights."""
    settings = settings_of(network.spec)

    def make(module: nn.Module, device: torch.device) -> Learner:
        return taught(make_learner(network.with_module(module), samples, device, epochs), network, samples)

    def check(learner: Learner) -> None:
        preflight(learner, batches, samples)
        say_what_is_monitored(learner, settings, samples)
        say_what_is_always_one(learner.metrics)
        check_memory(network.shaped, learner.optimizer, batches.batch_size, learner.device)

    return where.learners(network.module, make, check, batches)


def _begin(module: nn.Module, settings: TrainSpec, init: Path | None, reporter: Reporter) -> None:
    """Take the weights that a new run starts from."""
    named = None if init is not None or settings.init is None else named_by_spec(settings.init)
    if (chosen := init or named) is not None:
        kept = start_from(module, chosen, at=("train", "init") if named else ())
        if kept:
            reporter.note(f"new weights, which the file has not, or in another shape: {', '.join(kept)}")


@enough_memory("the network's predictions")
def evaluate(network: Network, *, device: str = "auto", place: DataPlace = DataPlace()) -> EvaluateReport:
    """Measure the best weights of the run that `network` was opened from on every part of the data, test included.

    Writes ``evaluation.json`` and the pictures into the run folder.
    """
    where = choose_device(device)
    assert network.folder is not None
    folder = RunFolder(network.folder)
    folder.check(resume=True)
    data = load_data(network.spec, place)
    with restored_threads(), own_random_state(where):
        learner = make_learner(network.copy(), data, where, epochs=1)
        return evaluate_run(learner, data, folder, whole=True)


@enough_memory("the networks' predictions")
def evaluate_several(
    networks: Sequence[Network], *, device: str = "auto", place: DataPlace = DataPlace()
) -> EvaluateReport:
    """Measure the best weights of several runs as one, see :mod:`graphspec.training.evaluate.ensemble`."""
    where = choose_device(device)
    for network in networks:
        assert network.folder is not None
        RunFolder(network.folder).check(resume=True)
    data = [load_data(network.spec, place) for network in networks]
    with restored_threads(), own_random_state(where):
        learners = [
            make_learner(network.copy(), own, where, epochs=1) for network, own in zip(networks, data, strict=True)
        ]
        return evaluate_together(learners, data, networks)


def evaluate_folders(
    folders: Sequence[str | os.PathLike[str]], *, device: str = "auto", data: DataLike = None
) -> EvaluateReport:
    """Measure the run in the first of `folders`, or what the runs in all of them predict together, see above."""
    networks, place = [Network.open(folder, "run") for folder in folders], DataPlace.of(data)
    with networks[0].located():
        if len(networks) > 1:
            return evaluate_several(networks, device=device, place=place)
        return evaluate(networks[0], device=device, place=place)


def _taken_up(where: OneProcess, learner: Learner, saver: Saver, resume: bool) -> bool:
    """Take up the run's newest checkpoint where it is to go on; whether there was one."""
    state = checkpoint.load(saver.folder.checkpoints) if resume else None
    if state is not None:
        where.take_up(learner, state, saver)
    elif resume:
        warn("no-run", f"{saver.folder.path} was stopped before its first checkpoint; it starts from the beginning")
    return state is not None


def _evaluation(learner: Learner, judge: Learner, data: DataSet, folder: RunFolder) -> EvaluateReport:
    """What the run of `learner` has reached; `judge` measures the best weights."""
    with Album(folder.path) as album:
        album.add("curves.png", run_plots.curves, learner.history, learner.best.epoch, learner.objective.title)
    return evaluate_run(judge, data, folder)


def _report(learner: Learner, folder: RunFolder, data: DataSet, evaluation: EvaluateReport | None) -> TrainReport:
    seen = learner.epoch * len(data.train)
    return TrainReport(
        run=folder.path,
        epochs=learner.epoch,
        steps=learner.step,
        best_epoch=learner.best.epoch or learner.epoch,
        monitor=str(learner.best.monitor),
        loss=learner.objective.title,
        history=learner.history,
        seconds=learner.seconds,
        samples_per_second=seen / learner.seconds if learner.seconds else 0.0,
        evaluation=evaluation,
        advice=advice(
            learner.objective,
            data,
            learner.history,
            learner.trend,
            learner.step,
            learner.best.epoch,
            evaluation.parts["train"]["loss"] if evaluation else 0.0,
        ),
    )
