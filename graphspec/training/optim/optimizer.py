"""Optimisers and schedulers: all of torch.optim, from their live signatures."""

from __future__ import annotations

import contextlib
import inspect
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import LBFGS, Optimizer, SparseAdam, lr_scheduler

from graphspec.diagnostics import Path, fail, quoted, warn
from graphspec.ops.components import MOST_RATE, choose, construct, required
from graphspec.spec.base import Component
from graphspec.training.engine.undecorated import constructor
from graphspec.training.engine.update_kernels import KERNELS
from graphspec.training.optim.groups import check_groups, grouped, optimizer_of, parted
from graphspec.training.optim.lr_lambda import lr_lambda
from graphspec.training.optim.several import SeveralOptimizers, parts_of

#: Arguments of a scheduler that follow from the run when the spec does not write them.
_FROM_THE_RUN = ("T_max", "total_steps", "total_iters")
#: Schedulers that step after every update instead of after every epoch, as torch's documentation of each says.
PER_STEP = ("OneCycleLR", "CyclicLR")
#: Schedulers that take a function of the epoch, with the first epoch for which they ask it.
_OF_FUNCTIONS = {"LambdaLR": 0, "MultiplicativeLR": 1}
#: Arguments that ask for other kernels than the fused ones.
_OTHER_WAYS = {"fused", "foreach", "capturable", "differentiable"}
#: A parameter for an optimiser that is only looked at.
_TRIAL = (nn.Parameter(torch.zeros(1, 1)),)
#: Steps of a plan that are tried before the run.
_TRIED = 1_000
#: Steps of an optimiser that are: LBFGS looks back at those before.
_STEPS_TRIED = 4
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
    choose(component, optimizer_table(), "optimizer", at)
    check_groups(component, groups, _constructor)
    if not groups and decay is None:
        return _construct(component, at, parameters)
    places = [(optimizer_of(component, group), (*at, "groups", i)) for i, group in enumerate(groups)]

    def made(group: int | None, parameters: Sequence[Any]) -> Optimizer:
        own, place = (component, at) if group is None else places[group]
        return _construct(own, place, parameters)

    if not placed:
        for i in range(len(groups)):
            made(i, parameters)
        return made(None, parameters)
    rows = grouped(module, lambda group: float(made(group, _TRIAL).defaults["lr"]), groups, decay)
    parts = [made(each, [row for of, row in rows if of == each]) for each in dict.fromkeys(of for of, _ in rows)]
    if len(parts) > 1 and any(isinstance(part, LBFGS) for part in parts):
        raise fail("bad-value", "LBFGS moves all parameters at once, and none beside it", at=at)
    return parts[0] if len(parts) == 1 else constructor(SeveralOptimizers)(parts=parts)


def _constructor(component: Component, at: Path) -> Callable[..., Optimizer]:
    return constructor(choose(component, optimizer_table(), "optimizer", at))


def _construct(component: Component, at: Path, parameters: Sequence[Any]) -> Optimizer:
    """The optimiser that `component` names over `parameters`, or rows of them."""
    kind = choose(component, optimizer_table(), "optimizer", at)
    each = [p for row in parameters for p in (row["params"] if isinstance(row, dict) else [row])]
    if component.type == "Muon" and (other := next((p for p in each if p.ndim != 2), None)) is not None:
        message = f"Muon moves matrices alone, and a parameter of shape {tuple(other.shape)} is none"
        hint = 'type = "AdamW" with groups = [{ kinds = ["matrix"], type = "Muon" }]'
        raise fail("bad-value", message, at=at, hint=hint)
    on_gpu = all(parameter.device.type == "cuda" for parameter in each)
    fused = {"fused": True} if on_gpu and kind in KERNELS and not _OTHER_WAYS & component.args.keys() else {}
    made = construct(component, constructor(kind), at, params=list(parameters), **fused)
    if kind not in KERNELS or _OTHER_WAYS & component.args.keys():  # torch's own step takes seconds to import
        _try_steps(component, kind, each[0].device, at)
    return made


def _try_steps(component: Component, kind: type[Optimizer], device: torch.device, at: Path) -> None:
    """Move one weight towards 0: some arguments are wrong at a step only."""
    weight = nn.Parameter(torch.ones(1, 1, device=device))
    optimizer = construct(component, constructor(kind), at, params=[weight])

    def loss() -> float:
        weight.grad = 2 * weight.detach()
        if isinstance(optimizer, SparseAdam):
            weight.grad = weight.grad.to_sparse()
        return weight.item() ** 2

    with _refusing(component.type, at), warnings.catch_warnings(action="ignore"):
        for _ in range(_STEPS_TRIED):
            loss()
            optimizer.step(loss)


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
        _check_rates(type(self.scheduler).__name__, self.optimizer)

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
    trials = []
    for part in parts_of(optimizer):
        known = inspect.signature(type(part).__init__).parameters
        options = {name: value for name, value in part.defaults.items() if name in known}
        trials.append(constructor(type(part))(params=[nn.Parameter(torch.zeros(1, 1))], **options))
    trial = trials[0] if len(trials) == 1 else constructor(SeveralOptimizers)(parts=trials)
    _check_cycled(component, trials)
    scheduler = _build(component, trial, planned, maximise)
    monitored = [0.0] if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau) else []
    with _refusing(component.type), warnings.catch_warnings(action="ignore"):
        for _ in range(min(planned, _TRIED)):
            scheduler.step(*monitored)
            _check_rates(component.type, trial)


def _check_rates(name: str, optimizer: Optimizer) -> None:
    """Refuse a rate that no spec may write either."""
    for group in optimizer.param_groups:
        if not 0 <= group["lr"] <= MOST_RATE:
            message = f"{name} makes the learning rate {float(group['lr']):g}, and it is at most {MOST_RATE}"
            raise fail("bad-value", message, at=("train", "scheduler"))


def _check_cycled(component: Component, optimizers: Sequence[Optimizer]) -> None:
    """OneCycleLR and CyclicLR move momentum too, by one name for all groups."""
    named = {"betas" in each.defaults for each in optimizers}
    if component.type in PER_STEP and component.args.get("cycle_momentum", True) and len(named) > 1:
        message = f"{component.type} moves momentum too, which these optimisers have under other names"
        raise fail("bad-value", message, at=("train", "scheduler"), hint="cycle_momentum = false")


@contextlib.contextmanager
def _refusing(name: str, at: Path = ("train", "scheduler")) -> Iterator[None]:
    """Inside, what torch raises of the arguments of what is called `name` is the user's mistake."""
    try:
        yield
    except (TypeError, ValueError, LookupError, RuntimeError, ArithmeticError, AssertionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise fail("bad-value", f"{name}: {reason}", at=at) from error


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
