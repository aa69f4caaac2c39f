"""Everything that changes while a network learns, and its state at any step."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer

from graphspec.data import Samples
from graphspec.data.binding import Binding
from graphspec.diagnostics import GraphspecError, fail
from graphspec.module.weights import load_weights, whole_state
from graphspec.system.out_of_memory import is_out_of_memory, too_little
from graphspec.training.checks.advice import LossTrend
from graphspec.training.checks.finite import STEPS_ON_A_GPU, LossWatch
from graphspec.training.engine.eager import Eager
from graphspec.training.engine.protocol import Engine
from graphspec.training.metrics.metric_set import MetricSet
from graphspec.training.metrics.names import LOSS, MetricName
from graphspec.training.optim.average import WeightAverage
from graphspec.training.optim.frozen import Frozen
from graphspec.training.optim.objective import Objective, Values
from graphspec.training.optim.optimizer import Schedule
from graphspec.training.optim.precision import Precision
from graphspec.training.run.form import check_counts, check_form, check_metrics, check_optimizer


@dataclasses.dataclass
class Best:
    """The weights with the best value of the monitored metric so far; ``loss`` is that of the same epoch."""

    monitor: MetricName
    epoch: int = 0
    value: float | None = None
    loss: float = 0.0
    weights: dict[str, Tensor] = dataclasses.field(default_factory=dict)

    def offer(self, metrics: Mapping[str, float], epoch: int, module: nn.Module) -> None:
        """Keep the weights of `module` when the monitored metric is the best so far; of equals, the lower loss wins.

        What is not a number is never the best.
        """
        sign = 1 if self.monitor.higher_is_better else -1
        found, loss = metrics[str(self.monitor)], metrics[LOSS]
        if math.isnan(found) or math.isnan(loss):
            return
        if self.value is None or (sign * found, -loss) > (sign * self.value, -self.loss):
            self.value, self.loss, self.epoch = found, loss, epoch
            self.weights = {name: value.detach().clone() for name, value in whole_state(module).items()}


@dataclasses.dataclass
class Learner:
    """The module with what trains it, `epoch` epochs and `batch` batches on; `step` counts optimiser steps.

    ``frozen`` are the layers that do not learn, or not yet; ``tuned``: thresholds of labels are chosen by the
    validation part.

    ``pieces`` is into how many parts a batch is cut where memory is too small for a whole one. ``engine`` computes the
    steps: as they are written, until another is chosen.
    """

    module: nn.Module
    objective: Objective
    optimizer: Optimizer
    schedule: Schedule
    metrics: MetricSet
    binding: Binding
    device: torch.device
    best: Best
    precision: Precision
    clip_grad_norm: float | None = None
    average: WeightAverage | None = None
    watch: LossWatch = dataclasses.field(init=False)
    engine: Engine = dataclasses.field(init=False)
    frozen: Frozen = dataclasses.field(default_factory=Frozen)
    tuned: bool = False
    trend: LossTrend = dataclasses.field(default_factory=LossTrend)
    pieces: int = 1
    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = self.eager()
        self.watch = LossWatch(1 if self.device.type == "cpu" else STEPS_ON_A_GPU)

    def eager(self) -> Eager:
        """The steps as they are written."""
        return Eager(self.module, self.objective, self.optimizer, self.precision, self.clip_grad_norm, self.average)

    def train_mode(self) -> None:
        """Put the module in training mode, as far as it learns."""
        self.frozen.train_mode(self.module, self.epoch)

    def thaw(self) -> None:
        """Let learn what does so in the epoch of now; its optimiser has had it from the start."""
        self.frozen.apply(self.module, self.epoch)
        if self.module.training:
            self.train_mode()

    @property
    def place(self) -> str:
        """Where in the run the next step is."""
        return f"step {self.step + 1} (epoch {self.epoch + 1}, batch {self.batch + 1})"

    @property
    def asks_again(self) -> bool:
        """Whether the optimiser wants the loss at other weights within a step, as LBFGS does."""
        return isinstance(self.optimizer, LBFGS)

    @property
    def at_once(self) -> int:
        """How many whole steps the engine may take at once from here on, 0 for none: where each is like the others."""
        return self.engine.at_once if self.pieces == 1 and self.step >= self.schedule.warmup else 0

    def predict(self, batch: Samples) -> Values:
        """What the module gives for `batch`, in whichever mode it is."""
        output: Values = self.module(*self.binding.inputs_of(batch))
        return output

    def update(self, again: Callable[[], Tensor] | None = None) -> None:
        """Move the weights along the gradient, and take the gradient away.

        `again` gives loss and gradients anew, for optimisers that ask several times. Raises ``GraphspecError`` where
        memory is too small: some weights may have moved then, so that the step cannot be repeated.
        """
        try:
            with self.schedule.warmed(self.step):
                self.engine.update(again)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise too_little(error, "an update of the weights") from error
        self.schedule.after_step()
        self.step += 1

    def look_at_losses(self) -> None:
        """Raise ``GraphspecError`` where one of the losses not looked at yet is not finite."""

        def error(loss: float) -> GraphspecError:
            place = f"in one of the last {2 * self.watch.every} steps before step {self.step + 1}"
            hint = "the last checkpoint is whole; a smaller lr often helps"
            return fail("non-finite", f"the loss is {loss} {place}", at=("train",), hint=hint)

        self.watch.look(error)

    def averaged(self) -> AbstractContextManager[None]:
        """Inside, the module has the averaged weights, where there is an average: those to measure and to keep."""
        return contextlib.nullcontext() if self.average is None else self.average.in_place()

    def state_dict(self) -> dict[str, Any]:
        """The state after the last step; a run that goes on from it is bit-identical to one that never stopped."""
        return {
            "module": whole_state(self.module),
            "optimizer": self.engine.state_dict(),
            "schedule": self.schedule.state_dict(),
            "precision": self.precision.state_dict(),
            "average": {} if self.average is None else self.average.weights,
            "metrics": self.metrics.state_dict(),
            "random": self._random_state(),
            "best": {
                "epoch": self.best.epoch,
                "value": self.best.value,
                "loss": self.best.loss,
                "weights": self.best.weights,
            },
            "progress": {
                "epoch": self.epoch,
                "batch": self.batch,
                "step": self.step,
                "seconds": self.seconds,
                "pieces": self.pieces,
                "threads": torch.get_num_threads(),
                "trend": dataclasses.asdict(self.trend),
            },
            "history": self.history,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`. Raises ``GraphspecError`` where it is another network's."""
        own = self.state_dict()
        for part in ("schedule", "precision", "progress", "best"):
            check_form(own[part] | {"weights": {}} if part == "best" else own[part], state[part], part)
        check_optimizer(self.optimizer, state["optimizer"], self.schedule.scheduler is not None)
        check_metrics(own["metrics"], state["metrics"])
        check_counts(state["progress"], state["best"], state["history"])
        load_weights(self.module, state["module"])
        self.engine.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.precision.load_state_dict(state["precision"])
        if self.average is not None:
            self.average.weights = {name: value.to(self.device) for name, value in state["average"].items()}
        self.metrics.load_state_dict(state["metrics"])
        torch.set_rng_state(state["random"]["cpu"])
        if self.device.type == "cuda" and "cuda" in state["random"]:
            torch.cuda.set_rng_state(state["random"]["cuda"], self.device)
        best = state["best"]
        self.best.epoch, self.best.value, self.best.loss = best["epoch"], best["value"], best["loss"]
        self.best.weights = dict(best["weights"])
        progress = state["progress"]
        self.epoch, self.batch, self.step = progress["epoch"], progress["batch"], progress["step"]
        self.pieces, self.trend = progress["pieces"], LossTrend(**progress["trend"])
        self.thaw()
        torch.set_num_threads(progress["threads"])  # another count changes the last bits
        self.seconds, self.history = progress["seconds"], state["history"]

    def _random_state(self) -> dict[str, Tensor]:
        """The generators that layers such as Dropout draw from; data order and augmentation need no state."""
        state = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self.device)
        return state
