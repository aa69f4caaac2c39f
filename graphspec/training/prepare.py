"""Before the first step: the data, the device, and everything that a network is trained with, checked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from graphspec.compiler import Network
from graphspec.data import Batches, DataSet, load_data
from graphspec.data.binding import bind
from graphspec.data.place import DataPlace
from graphspec.diagnostics import fail, quoted, suggest, warn
from graphspec.shapes.producer import producers
from graphspec.shapes.shaped import ShapedGraph
from graphspec.spec.model import NetworkSpec
from graphspec.spec.train import TrainSpec
from graphspec.system.out_of_memory import enough_memory
from graphspec.training.checks.preflight import preflight
from graphspec.training.checks.valueless import why_no_value
from graphspec.training.engine.reproducible import reproducible
from graphspec.training.engine.threads import forward_flops, restored_threads, set_threads
from graphspec.training.learner import Best, Learner
from graphspec.training.metrics.metric_set import MetricSet
from graphspec.training.metrics.names import LOSS, MetricName
from graphspec.training.optim.average import WeightAverage
from graphspec.training.optim.build_objective import Head, Target, build_objective
from graphspec.training.optim.frozen import Frozen
from graphspec.training.optim.objective import Objective
from graphspec.training.optim.optimizer import Schedule, build_optimizer
from graphspec.training.optim.precision import Precision
from graphspec.training.optim.teacher import taught


def settings_of(spec: NetworkSpec) -> TrainSpec:
    """The ``[train]`` section. Raises ``GraphspecError`` where there is none."""
    if spec.train is None:
        raise fail("no-training", f'"{spec.name}" has no [train] section', hint="add [train] with loss and optimizer")
    return spec.train


def sample(shaped: ShapedGraph, count: int) -> dict[str, Tensor]:
    """The first `count` validation (else training) samples as the network takes them, by input name."""
    data = load_data(shaped.spec)
    batch = data.batch(count, "validation" if data.validation is not None else "train")
    return dict(zip(shaped.inputs, bind(shaped, data).inputs_of(batch), strict=True))


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


def own_random_state(device: torch.device) -> AbstractContextManager[None]:
    """Inside this context torch's generators may be seeded; the caller's go on untouched afterwards."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def make_learner(network: Network, data: DataSet, device: torch.device, epochs: int) -> Learner:
    """Everything that the network's own module is trained with, on `device`, but its teacher; see
    :meth:`Network.copy`.
    """
    module, shaped = network.module, network.shaped
    settings, binding = settings_of(shaped.spec), bind(shaped, data)
    frozen = Frozen.of(shaped, settings)
    torch.manual_seed(settings.seed)
    frozen.train_mode(module.to(device).to(memory_format=binding.memory_format))
    about = {name: _target(name, data) for name in data.train.targets}
    objective = build_objective(
        settings.loss, binding.targets, about, tuple(shaped.outputs), device, _heads(shaped),
        taught=settings.teacher is not None,
    )  # fmt: skip
    metrics = MetricSet(settings.metrics, objective, device)
    _check_thresholds(settings, objective, data)
    monitor = monitored(settings.monitor, metrics, data)
    frozen.apply(module, None)
    optimizer = build_optimizer(settings.optimizer, module)
    frozen.apply(module, 0)
    if settings.optimizer.type == "LBFGS" and (settings.accumulate > 1 or settings.precision != "fp32"):
        raise fail("bad-value", "LBFGS takes whole batches, in fp32", at=("train", "optimizer"))
    updates = -(-len(data.batches("train")) // settings.accumulate)
    schedule = Schedule(settings.scheduler, optimizer, epochs, updates, monitor.higher_is_better, settings.warmup)
    return Learner(
        module, objective, optimizer, schedule, metrics, binding, device, Best(monitor),
        Precision.of(settings.precision, device), settings.clip_grad_norm,
        WeightAverage(module, settings.ema) if settings.ema else None, frozen=frozen,
        tuned=settings.thresholds is not None,
    )  # fmt: skip


def _check_thresholds(settings: TrainSpec, objective: Objective, data: DataSet) -> None:
    at = ("train", "thresholds")
    if settings.thresholds is None:
        return
    if not any(term.reading.labels for term in objective.terms):
        message = "thresholds are of labels of which several may apply, and there are none"
        raise fail("bad-value", message, at=at, hint="a target N × labels of 0 and 1, and BCEWithLogitsLoss")
    if data.validation is None:
        hint = "set [data] validation above 0"
        raise fail("no-data", "there is no validation part to choose thresholds by", at=at, hint=hint)


def monitored(wanted: str | None, metrics: MetricSet, data: DataSet) -> MetricName:
    """What decides which weights are best: `wanted`, or the first metric, or the loss where there is none.

    The loss too where that metric has no value on the part that is measured. Raises ``GraphspecError`` where `wanted`
    is not measured.
    """
    text = wanted or next(iter(metrics.metrics), LOSS)
    name = metrics.name_of(text)
    if name is None:
        known = [LOSS, *metrics.metrics]
        hint = suggest(text, known) or f"known: {', '.join(known)}"
        raise fail("bad-metric", f"{quoted(text)} is not measured", at=("train", "monitor"), hint=hint)
    metric = metrics.metrics.get(text)
    return MetricName(LOSS) if metric is not None and why_no_value(metric.kind, metric.term.target, data) else name


def say_what_is_always_one(metrics: MetricSet) -> None:
    """Warn of metrics that tell nothing of so few classes."""
    for place, metric in enumerate(metrics.metrics.values()):
        if why := metric.always_one():
            warn("bad-metric", why, ("train", "metrics", place), "leave it out, or write a smaller k")


def say_what_is_monitored(learner: Learner, settings: TrainSpec, data: DataSet) -> None:
    """Warn where it is the loss in place of a metric without a value, and where nothing is."""
    wanted = settings.monitor
    text = wanted or next(iter(learner.metrics.metrics), LOSS)
    if data.validation is None and settings.early_stopping is not None:
        message = "without a validation part no epoch is better than another: early_stopping does not end the run"
        warn("no-data", message, at=("train", "early_stopping"), hint="set [data] validation above 0")
    if text != str(learner.best.monitor):
        metric = learner.metrics.metrics[text]
        reason = why_no_value(metric.kind, metric.term.target, data)
        message = f'{reason} "{text}" has no value: the loss is monitored instead'
        warn("bad-metric", message, at=("train", "monitor") if wanted else ("train", "metrics"))


@contextlib.contextmanager
def prepared(network: Network, device: str, place: DataPlace = DataPlace()) -> Iterator[tuple[Learner, Batches]]:
    """A learner for a copy of `network` with its training batches, checked as before a run.

    torch's state is restored after it.
    """
    where, settings = choose_device(device), settings_of(network.spec)
    data = load_data(network.spec, place)
    with (
        enough_memory("training"),
        restored_threads(),
        own_random_state(where),
        reproducible(settings.deterministic),
    ):
        learner = taught(make_learner(network.copy(), data, where, settings.epochs), network, data)
        batches = data.batches("train", where)
        preflight(learner, batches, data)
        if where.type == "cpu":
            set_threads(flops_of_a_step(learner, network.shaped, batches))
        yield learner, batches


def flops_of_a_step(learner: Learner, shaped: ShapedGraph, batches: Batches) -> int:
    """FLOPs of the forward pass of a batch."""
    return forward_flops(shaped, learner.binding.inputs_of(next(batches.in_order())))


def _heads(shaped: ShapedGraph) -> dict[str, Head]:
    found = producers(shaped)
    columns = {name: kind.shape[1] if len(kind.shape) > 1 else None for name, kind in shaped.output_types.items()}
    return {name: Head(size if isinstance(size, int) else None, found.get(name)) for name, size in columns.items()}


def _target(name: str, data: DataSet) -> Target:
    """What a loss has to know of the target field `name`."""
    if name not in data.labels:
        values = data.train.targets[name]
        if name not in data.applied:
            return Target(None, one_hot=_is_one_hot(values))
        return Target(None, lambda: _applied(values), len(data.applied[name]), _is_one_hot(values))
    classes = len(data.labels[name])
    return Target(classes, lambda: data.class_counts(name))


def _applied(labels: torch.Tensor) -> torch.Tensor:
    """How often each of the `labels` (``N × labels`` of 0 and 1) does not apply, and does: ``2 × labels`` int64."""
    there = labels.sum(0, dtype=torch.float64).to(torch.int64)
    return torch.stack([len(labels) - there, there])


def _is_one_hot(target: torch.Tensor) -> bool:
    """Whether each row of `target` is 0 but for one 1, as classes are sometimes given."""
    rows = target[:1000]
    return (
        rows.ndim == 2 and rows.shape[1] > 1 and bool((((rows == 0) | (rows == 1)).all(1) & (rows.sum(1) == 1)).all())
    )
