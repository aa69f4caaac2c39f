"""Trials that differ in the optimiser's numbers alone, trained in one pass: torch.func.vmap over their weights.

Every operation then computes all trials at once, which on a small network costs little more than one alone. The
optimiser and the schedule are torch's own, with a group of parameters for each trial. The numbers are those of trials
trained one after the other up to the order of sums.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.optim import Optimizer

from graphspec.compiler import Network
from graphspec.data import Batches, DataSet, Samples
from graphspec.diagnostics import GraphspecError
from graphspec.module.weights import whole_state
from graphspec.ops.components import choose, construct
from graphspec.spec.base import Component
from graphspec.spec.train import TrainSpec
from graphspec.training.evaluate.measure import predicted
from graphspec.training.learner import Best, Learner
from graphspec.training.metrics.metric_set import MetricSet
from graphspec.training.metrics.names import columns
from graphspec.training.optim.objective import Values
from graphspec.training.optim.optimizer import Schedule, optimizer_table
from graphspec.training.prepare import make_learner

#: What a search may vary between trials of one pass: numbers of the optimiser.
PREFIX = "train.optimizer."


def obstacle(paths: Sequence[str], settings: TrainSpec) -> str:
    """Why trials over `paths` cannot be trained in one pass; empty where they can, as far as the spec tells."""
    other = next((path for path in paths if not path.startswith(PREFIX) or path == f"{PREFIX}type"), None)
    if other:
        return f"{other} changes more than the optimiser's numbers"
    if settings.scheduler is not None and settings.scheduler.type == "ReduceLROnPlateau":
        return "ReduceLROnPlateau asks after each epoch of one trial"
    wanted = {
        "accumulate": settings.accumulate > 1, "clip_grad_norm": settings.clip_grad_norm, "ema": settings.ema,
        "precision": settings.precision != "fp32", "init": settings.init, "unfreeze": settings.unfreeze,
        "teacher": settings.teacher,
        "groups": settings.optimizer.args.get("groups"), "layer_decay": settings.optimizer.args.get("layer_decay"),
    }  # fmt: skip
    return next((f"{name} is for one trial at a time" for name, there in wanted.items() if there), "")


@dataclasses.dataclass
class Member:
    """One of the trials: its numbers, the epochs so far, its best weights, and why it failed, if it did."""

    optimizer: Component
    metrics: MetricSet
    best: Best
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    error: str = ""
    ended: bool = False


class _Slice(nn.Module):
    """The weights of one trial, for :meth:`Best.offer`."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._weights = dict(weights)

    def state_dict(self, *arguments: Any, **options: Any) -> dict[str, Any]:  # type: ignore[override]
        return self._weights


class VectorizedTrials:
    """Trials of one network on one data set, each with the optimiser that its spec names.

    Raises ``RuntimeError`` where the network has something that vmap cannot treat: BatchNorm's running statistics,
    Dropout's random numbers.
    """

    def __init__(
        self,
        network: Network,
        data: DataSet,
        optimizers: Sequence[Component],
        device: torch.device,
    ) -> None:
        assert network.spec.train is not None
        self.settings, self.data, self.device = network.spec.train, data, device
        self.learner: Learner = make_learner(network.copy(), data, device, self.settings.epochs)
        module = self.learner.module
        count = len(optimizers)
        self.weights = {
            name: value.detach().expand(count, *value.shape).contiguous() for name, value in module.named_parameters()
        }
        self.trained = [name for name, value in module.named_parameters() if value.requires_grad]
        self.buffers = dict(module.named_buffers())
        monitor = self.learner.best.monitor
        self.members = [
            Member(each, MetricSet(self.settings.metrics, self.learner.objective, device), Best(monitor))
            for each in optimizers
        ]
        self.batches: Batches = data.batches("train", device)
        self.optimizer = self._optimizer()
        self.schedule = Schedule(
            self.settings.scheduler, self.optimizer, self.settings.epochs, len(self.batches), monitor.higher_is_better,
            self.settings.warmup,
        )  # fmt: skip
        self._pass = vmap(grad_and_value(self._loss, has_aux=True), in_dims=(0, 0, None, None), randomness="error")
        self._forward = vmap(self._output, in_dims=(0, None))
        self.step = 0
        self._try()

    def run(self, after_epoch: Callable[[int, Member], None], after_step: Callable[[], None]) -> None:
        """Train all members; `after_epoch` gets each one's number and may set ``ended``, `after_step` may raise."""
        for epoch in range(self.settings.epochs):
            started = time.perf_counter()
            rates = [float(group["lr"]) for group in self.optimizer.param_groups]
            for batch in self.batches.shuffled(epoch):
                self._step(self.learner.binding.inputs_of(batch), self.learner.binding.targets_of(batch))
                after_step()
            self._close(epoch, rates, started)
            for number, member in enumerate(self.members):
                if not member.ended:
                    after_epoch(number, member)
            if all(member.ended for member in self.members):
                return

    def weights_of(self, number: int) -> dict[str, Tensor]:
        """The weights of one member as its module's state_dict has them."""
        own = {name: value[number] for name, value in self.weights.items()} | self.buffers
        return {name: own[name] for name in whole_state(self.learner.module)}

    def _optimizer(self) -> Optimizer:
        """torch's optimiser with a group of parameters, views of the stacked ones, for each member."""
        at = ("train", "optimizer")
        function = choose(self.members[0].optimizer, optimizer_table(), "optimizer", at)
        fused = {"fused": True} if "fused" in inspect.signature(function).parameters else {}
        groups = []
        for number, member in enumerate(self.members):
            views = [self.weights[name][number] for name in self.trained]
            construct(member.optimizer, function, at, params=views)
            groups.append({"params": views, **member.optimizer.args})
        return construct(self.members[0].optimizer, function, at, params=groups, **fused)

    def _loss(
        self, trained: dict[str, Tensor], fixed: dict[str, Tensor], inputs: list[Tensor], target: Values
    ) -> tuple[Tensor, Values]:
        output = functional_call(self.learner.module, {**trained, **fixed, **self.buffers}, tuple(inputs))
        return self.learner.objective(output, target), output

    def _output(self, weights: dict[str, Tensor], inputs: list[Tensor]) -> Values:
        output: Values = functional_call(self.learner.module, {**weights, **self.buffers}, tuple(inputs))
        return output

    def _try(self) -> None:
        """One pass that changes nothing, so that what vmap cannot treat is known before a trial begins."""
        for name, layer in self.learner.module.named_modules():
            if getattr(layer, "track_running_stats", False):
                raise RuntimeError(f'"{name}" keeps running statistics')
        batch = next(self.batches.in_order(2))
        self._pass(*self._split(), self.learner.binding.inputs_of(batch), self.learner.binding.targets_of(batch))

    def _split(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        trained = {name: self.weights[name] for name in self.trained}
        return trained, {name: value for name, value in self.weights.items() if name not in trained}

    def _step(self, inputs: list[Tensor], target: Values) -> None:
        gradients, (losses, outputs) = self._pass(*self._split(), inputs, target)  # feedforward, loss, backward
        values = losses.tolist()
        parts = [gradients[name].unbind() for name in self.trained]
        for number, (member, group) in enumerate(zip(self.members, self.optimizer.param_groups, strict=True)):
            if not member.ended and not math.isfinite(values[number]):
                member.ended, member.error = True, f"the loss is {values[number]} at step {self.step + 1}"
            for part, view in zip(parts, group["params"], strict=True):
                view.grad = None if member.ended else part[number]  # torch leaves out those without one
            if not member.ended:
                member.metrics.update(values[number], _of(outputs, number), target)
        with self.schedule.warmed(self.step):
            self.optimizer.step()  # update
        self.schedule.after_step()
        self.step += 1

    def _measured(self) -> list[dict[str, float]]:
        """The validation part's metrics, of every member."""
        found = [MetricSet(member.metrics.components, self.learner.objective, self.device) for member in self.members]

        def forward(batch: Samples) -> Values:
            outputs: Values = self._forward(self.weights, self.learner.binding.inputs_of(batch))
            return outputs

        for outputs, target in predicted(self.learner, forward, self.data.batches("validation", self.device)):
            for number, metrics in enumerate(found):
                output = _of(outputs, number)
                metrics.update(self.learner.objective(output, target).item(), output, target)
        return [metrics.compute() for metrics in found]

    def _close(self, epoch: int, rates: list[float], started: float) -> None:
        metrics = self._measured()
        self.schedule.after_epoch(0.0)
        seconds = round((time.perf_counter() - started) / len(self.members), 6)
        for number, member in enumerate(self.members):
            if member.ended:
                continue
            row: dict[str, Any] = {"epoch": epoch + 1, "step": self.step, "lr": rates[number]}
            row |= columns("train", member.metrics.compute()) | columns("validation", metrics[number])
            member.history.append(row | {"seconds": seconds})
            member.metrics.reset()
            member.best.offer(metrics[number], epoch + 1, _Slice(self.weights_of(number)))


def _of(values: Values, number: int) -> Values:
    if isinstance(values, Tensor):
        return values[number].detach()
    return {name: value[number].detach() for name, value in values.items()}


def vectorized(
    network: Network, data: DataSet, optimizers: Sequence[Component], device: torch.device
) -> VectorizedTrials | str:
    """The trials as one, or why they cannot be."""
    try:
        return VectorizedTrials(network, data, optimizers, device)
    except GraphspecError as error:
        return error.diagnostics[0].message
    except (RuntimeError, NotImplementedError) as error:
        return (str(error).splitlines() or [type(error).__name__])[0]
