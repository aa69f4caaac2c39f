"""``[train]`` as far as it can be checked without data: losses, metrics, monitor, optimiser and scheduler."""

from __future__ import annotations

import functools
from collections.abc import Collection

import torch
from torch import nn

from graphspec.diagnostics import Diagnostic, Path, fail, faults_in, quoted, suggest
from graphspec.losses import LOSSES
from graphspec.shapes.shaped import ShapedGraph
from graphspec.spec.base import Component
from graphspec.spec.train import TrainSpec
from graphspec.training.metrics.metric_set import check_metric
from graphspec.training.metrics.names import LOSS, names_of
from graphspec.training.optim.build_objective import check_loss, placed
from graphspec.training.optim.frozen import check_unfreeze
from graphspec.training.optim.optimizer import Schedule, build_optimizer
from graphspec.training.optim.teacher import check_teacher
from graphspec.training.own.callback import check_callback

#: Updates in an epoch, for a scheduler whose plan is only looked at.
_STEPS = 100


def check_settings(settings: TrainSpec, shaped: ShapedGraph) -> list[Diagnostic]:
    """What is wrong with `settings` for a network, whatever the data are."""
    outputs = tuple(shaped.outputs)
    metrics = [(component, ("train", "metrics", i)) for i, component in enumerate(settings.metrics)]
    return faults_in(
        functools.partial(_check_losses, settings, outputs),
        *(functools.partial(_check_metric, component, at, outputs) for component, at in metrics),
        *(functools.partial(check_callback, c, ("train", "callbacks", i)) for i, c in enumerate(settings.callbacks)),
        functools.partial(_check_monitor, settings),
        functools.partial(_check_updates, settings),
        functools.partial(check_unfreeze, settings, shaped),
        functools.partial(check_teacher, settings, outputs),
    )


def _check_losses(settings: TrainSpec, outputs: tuple[str, ...]) -> None:
    for component, at in placed(settings.loss):
        check_loss(component, outputs, at)


def _check_metric(component: Component, at: Path, outputs: Collection[str]) -> None:
    check_metric(component, at)
    named = component.args.get("output")
    if named is not None and named not in outputs:
        hint = suggest(str(named), outputs) or f"it has {', '.join(map(quoted, outputs))}"
        raise fail("bad-metric", f"the network has no output {quoted(str(named))}", at=(*at, "output"), hint=hint)


def _check_monitor(settings: TrainSpec) -> None:
    known = [LOSS, *map(str, names_of(settings.metrics))]
    implied = (
        [] if settings.metrics else [LOSSES[loss.type].metric for loss in settings.losses if loss.type in LOSSES]
    )  # of classes
    if settings.monitor is not None and settings.monitor not in (*known, *implied):
        hint = suggest(settings.monitor, known) or f"known: {', '.join(known)}"
        raise fail("bad-metric", f"{quoted(settings.monitor)} is not measured", at=("train", "monitor"), hint=hint)


def _check_updates(settings: TrainSpec) -> None:
    """Build the optimiser and the scheduler for one small parameter."""
    optimizer = build_optimizer(settings.optimizer, nn.ParameterList([nn.Parameter(torch.zeros(2, 2))]), placed=False)
    Schedule(settings.scheduler, optimizer, settings.epochs, _STEPS, maximise=False, warmup=settings.warmup)
