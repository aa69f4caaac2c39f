"""Optimisers and schedulers: all of torch.optim, from their live signatures."""

from __future__ import annotations

import contextlib
import inspect
import math
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer, lr_scheduler

from graphspec.diagnostics import Path, fail, quoted, warn
from graphspec.ops.components import choose, construct, required
from graphspec.spec.base import Component
from graphspec.training.engine.undecorated import constructor
from graphspec.training.engine.update_kernels import KERNELS
from graphspec.training.optim.groups import check_groups, grouped, parted
from graphspec.training.optim.lr_lambda import lr_lambda

#: Arguments of a scheduler that follow from the run when the spec does not write them.
_FROM_THE_RUN = ("T_max", "total_steps", "total_iters")
#: Schedulers that step after every update instead of after every epoch, as torch's documentation of each says.
PER_STEP = ("OneCycleLR", "CyclicLR")
#: Schedulers that take a function of the epoch, with the first epoch for which they ask it.
_OF_FUNCTIONS = {"LambdaLR": 0, "MultiplicativeLR": 1}
#: Arguments that ask for other kernels than the fused ones.
_OTHER_WAYS = {"fused", "foreach", "capturable", "differentiable"}
#: Steps of a plan that are tried before the run.
_TRIED = 1_000
#: Schedulers of schedulers: one behind the other from epochs on, or all at once.
_COMBINED = ("SequentialLR", "ChainedScheduler")


def optimizer_table() -> dict[str, type[Optimizer]]:
    """Every optimiser of torch.optim by name."""
    found = {n: c for n, c in vars(torch.optim).items() if inspect.isclass(c) and issubclass(c, Optimizer)}
    return {name: cls for name, cls in found.items() if name != "Optimizer"}


def scheduler_table() -> dict[str, type[Any]]:
    """Every scheduler of torch.optim.lr_scheduler by name."""
    found = {
        n: c for n, c in vars(lr_scheduler).items() if inspect.isclass(c) and issubclass(c, lr_scheduler.LRScheduler)
    }
    return {name: cls for name, cls in found.items() if name[0] != "_" and name != "LRScheduler"}


def build_optimizer(component: Component, module: nn.Module, placed: bool = True) -> Optimizer:
    """The optimiser over the parameters of `module` that are not frozen; a fault is a ``GraphspecError``.

    Where `module` is only to try with, it is not `placed`: what groups name is not looked for.

    On a GPU it takes torch's fused kernels where it has some and nothing else is asked for: a third of the launches'
    time, and losses within 3e-7 of those of the default ones (128 steps of an MLP).
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not parameters:
        raise fail("no-training", "the network has no parameters to train", at=("train",))
    at = ("train", "optimizer")
    component, groups, decay = parted(component)
    kind = choose(component, optimizer_table(), "optimizer", at)
    check_groups(component, groups, constructor(kind))
    on_gpu = all(parameter.device.type == "cuda" for parameter in parameters)
    fused = {"fused": True} if on_gpu and kind in KERNELS and not _OTHER_WAYS & component.args.keys() else {}
    optimizer = construct(component, constructor(kind), at, params=parameters, **fused)
    if not placed or not (groups or decay is not None):
        return optimizer
    rows = grouped(module, optimizer.defaults, groups, decay)
    return construct(component, constructor(kind), at, params=rows, **fused)


class Schedule:
    """A learning-rate scheduler that knows when it steps; without one the rate stays.

    `steps` are those of an epoch; with `maximise` the monitored metric is better where it is greater.
    """

    def __init__(
        self,
        component: Component | None,
        optimizer: Optimizer,
        epochs: int,
        steps: int,
        maximise: bool,
        warmup: int = 0,
    ) -> None:
        self.optimizer, self.warmup = optimizer, warmup
        self.per_step = component is not None and component.type in PER_STEP
        self.scheduler: Any = None
        if component is not None:
            planned = epochs * steps if self.per_step else epochs
            _try(component, optimizer, planned, maximise)
            self.scheduler = _build(component, optimizer, planned, maximise)

    @property
    def lr(self) -> float:
        """The learning rate of the first parameter group."""
        return float(self.optimizer.param_groups[0]["lr"])

    def warmed(self, step: int) -> contextlib.AbstractContextManager[None]:
        """Around update number `step` (from 0): in the first ``warmup`` ones, rates grow linearly to their value."""
        return self._warming(step) if step < self.warmup else contextlib.nullcontext()

    @contextlib.contextmanager
    def _warming(self, step: int) -> Iterator[None]:
        rates = [group["lr"] for group in self.optimizer.param_groups]
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * (step + 1) / self.warmup
        try:
            yield
        finally:
            for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
                group["lr"] = rate

    def after_step(self) -> None:
        """To be called after each optimiser step."""
        if self.per_step:
            self._step()

    def after_epoch(self, monitored: float) -> None:
        """To be called after each epoch; `monitored` is the monitored metric, for ReduceLROnPlateau."""
        if isinstance(self.scheduler, lr_scheduler.ReduceLROnPlateau):
            if not math.isnan(monitored):
                self._step(monitored)
        elif self.scheduler is not None and not self.per_step:
            self._step()

    def _step(self, *monitored: float) -> None:
        with _refusing(type(self.scheduler).__name__):
            self.scheduler.step(*monitored)

    def state_dict(self) -> dict[str, Any]:
        """What :meth:`load_state_dict` needs."""
        return {} if self.scheduler is None else self.scheduler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken.

        A plan over the whole run stays what it was when the run began: with more epochs that is a warning, and an
        error for OneCycleLR, which ends with its plan.
        """
        if self.scheduler is None:
            return
        now = vars(self.scheduler)
        for name in _FROM_THE_RUN:
            if name in state and name in now and state[name] != now[name]:
                kind = type(self.scheduler).__name__
                message = f"{kind} was planned with {name} = {state[name]}, this run would need {now[name]}"
                if kind == "OneCycleLR" and state[name] < now[name]:
                    raise fail("checkpoint-mismatch", message, ("train", "epochs"), "leave the epochs as they were")
                warn("checkpoint-mismatch", f"{message}: it goes on as planned", at=("train", "scheduler"))
        self.scheduler.load_state_dict(state)


def _build(
    component: Component, optimizer: Optimizer, steps: int, maximise: bool, at: Path = ("train", "scheduler")
) -> Any:
    function = choose(component, scheduler_table(), "scheduler", at)
    if component.type in _COMBINED:
        return _combined(component, function, optimizer, steps, maximise, at)
    known = inspect.signature(function).parameters
    wanted = [name for name in _FROM_THE_RUN if name in known and name not in component.args]
    if component.type == "OneCycleLR" and "epochs" in component.args:
        wanted = []
    inferred: dict[str, Any] = {
        name: steps for name in wanted if name in required(function) or component.type in ("OneCycleLR", "PolynomialLR")
    }
    if component.type == "ReduceLROnPlateau" and "mode" not in component.args:
        inferred["mode"] = "max" if maximise else "min"
    if component.type in _OF_FUNCTIONS and "lr_lambda" in component.args:
        component, text = _without(component, "lr_lambda")
        inferred["lr_lambda"] = lr_lambda(text, _OF_FUNCTIONS[component.type], steps, (*at, "lr_lambda"))
    return construct(component, function, at, optimizer=optimizer, **inferred)


def _try(component: Component, optimizer: Optimizer, planned: int, maximise: bool) -> None:
    """Step through the plan with an optimiser that trains nothing: some arguments are wrong at some step only."""
    kind, at = type(optimizer), ("train", "scheduler")
    known = inspect.signature(kind.__init__).parameters
    options = {name: value for name, value in optimizer.defaults.items() if name in known}
    trial = constructor(kind)(params=[nn.Parameter(torch.zeros(1, 1))], **options)
    scheduler = _build(component, trial, planned, maximise)
    monitored = [0.0] if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau) else []
    with _refusing(component.type), warnings.catch_warnings(action="ignore"):
        for _ in range(min(planned, _TRIED)):
            scheduler.step(*monitored)
            rate = trial.param_groups[0]["lr"]
            if not 0 <= rate < math.inf:
                raise fail("bad-value", f"{component.type} makes the learning rate {rate}", at=at)


@contextlib.contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Inside, what torch raises of a schedule's arguments is the user's mistake."""
    try:
        yield
    except (TypeError, ValueError, LookupError, RuntimeError, ArithmeticError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise fail("bad-value", f"{name}: {reason}", at=("train", "scheduler")) from error


def _combined(component: Component, function: Any, optimizer: Optimizer, steps: int, maximise: bool, at: Path) -> Any:
    """A scheduler of schedulers; of several in a row, each plans for the epochs that it has."""
    listed, at_list = component.args.get("schedulers"), (*at, "schedulers")
    if not isinstance(listed, list | tuple) or not listed or not all(isinstance(part, str | dict) for part in listed):
        raise fail("bad-value", f"{component.type} needs a list of schedulers", at=at_list)
    parts = [Component.model_validate(part) for part in listed]
    for i, part in enumerate(parts):
        if part.type in (*PER_STEP, *_COMBINED, "ReduceLROnPlateau"):
            raise fail("bad-value", f"{quoted(part.type)} cannot be one of several", at=(*at_list, i))
    milestones = component.args.get("milestones", ())
    written = milestones if isinstance(milestones, list | tuple) else ("",)
    ends = [*written, steps] if component.type == "SequentialLR" else [steps] * len(parts)
    if len(ends) != len(parts) or not all(type(end) is int for end in ends):
        message = f"{len(parts)} schedulers have {len(parts) - 1} epochs between them at which the next begins"
        raise fail("bad-value", message, at=(*at, "milestones"))
    starts = [0, *ends[:-1]] if component.type == "SequentialLR" else [0] * len(parts)
    built = [
        _build(part, optimizer, max(1, end - start), maximise, (*at_list, i))
        for i, (part, start, end) in enumerate(zip(parts, starts, ends, strict=True))
    ]
    rest, _ = _without(component, "schedulers")
    return construct(rest, function, at, optimizer=optimizer, schedulers=built)


def _without(component: Component, name: str) -> tuple[Component, Any]:
    """The component without its argument `name`, and what that was."""
    rest = {key: value for key, value in component.args.items() if key != name}
    return Component.model_construct(type=component.type, args=rest), component.args[name]
