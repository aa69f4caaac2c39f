"""Metrics of a part of the data, accumulated batch by batch and equal to scikit-learn's.

Each metric is a function of one of three accumulated statistics, so that several metrics share one pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from graphspec.data.components import check_arguments, choose
from graphspec.diagnostics import Path, fail
from graphspec.spec.base import Component
from graphspec.training import scores
from graphspec.training.objective import Objective

#: Values of outputs that may wait to be counted.
COUNTED_AT_ONCE = 1 << 18


class Confusion:
    """Counts of (true class, predicted class): ``matrix`` is ``classes × classes`` int64, rows are the truth.

    Batches are kept and counted many at a time: a small batch's few kernels cost more than its counting.
    """

    def __init__(self, objective: Objective, device: torch.device) -> None:
        self.objective = objective
        assert objective.classes is not None
        self._matrix = torch.zeros(objective.classes, objective.classes, dtype=torch.int64, device=device)
        self._waiting: list[tuple[Tensor, Tensor]] = []
        self._values = 0

    @property
    def matrix(self) -> Tensor:
        """The counts so far."""
        self._count()
        return self._matrix

    def _count(self) -> None:
        if self._waiting:
            outputs, targets = zip(*self._waiting, strict=True)
            cell = torch.cat(targets) * len(self._matrix) + self.objective.predicted(torch.cat(outputs))
            self._matrix.view(-1).index_add_(0, cell, torch.ones_like(cell))
            self._waiting, self._values = [], 0

    def update(self, output: Tensor, target: Tensor) -> None:
        """Count a batch, now or later; the tensors are not changed by then."""
        self._waiting.append((output, target))
        self._values += output.numel()
        if self._values > COUNTED_AT_ONCE:
            self._count()

    def state_dict(self) -> dict[str, Tensor]:
        """The counts so far."""
        return {"matrix": self.matrix}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from counts taken earlier."""
        self._waiting, self._values = [], 0
        self._matrix.copy_(state["matrix"])


class Scores:
    """Every output and target, for metrics that need the ranking of all samples."""

    def __init__(self, objective: Objective, device: torch.device) -> None:
        self.outputs: list[Tensor] = []
        self.targets: list[Tensor] = []

    def update(self, output: Tensor, target: Tensor) -> None:
        """Keep a batch."""
        self.outputs.append(output)
        self.targets.append(target)

    def state_dict(self) -> dict[str, Tensor]:
        """What was kept so far."""
        return {"outputs": torch.cat(self.outputs), "targets": torch.cat(self.targets)} if self.outputs else {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what was kept earlier."""
        self.outputs, self.targets = ([state["outputs"]], [state["targets"]]) if state else ([], [])


class Moments:
    """Sums over samples by output column, in float64: count, error², \\|error\\|, truth, truth²."""

    def __init__(self, objective: Objective, device: torch.device) -> None:
        self.sums: Tensor | None = None

    def update(self, output: Tensor, target: Tensor) -> None:
        """Add a batch; `output` and `target` are ``N × …`` of one shape."""
        truth = target.reshape(len(target), -1).to("cpu", torch.float64)
        error = output.reshape(len(output), -1).to("cpu", torch.float64) - truth
        rows = torch.stack([torch.ones_like(truth), error.square(), error.abs(), truth, truth.square()])
        self.sums = rows.sum(1) if self.sums is None else self.sums + rows.sum(1)

    def state_dict(self) -> dict[str, Tensor]:
        """The sums so far."""
        return {} if self.sums is None else {"sums": self.sums}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from sums taken earlier."""
        self.sums = state.get("sums")


Statistic = Confusion | Scores | Moments


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A metric: the statistic it reads, its formula, which way is better, and whether it is for classes."""

    statistic: type[Statistic]
    formula: Callable[..., float]
    higher_is_better: bool = True
    for_classes: bool = True


METRICS = {
    "accuracy": Kind(Confusion, scores.accuracy),
    "precision": Kind(Confusion, scores.precision),
    "recall": Kind(Confusion, scores.recall),
    "f1": Kind(Confusion, scores.f1),
    "top_k_accuracy": Kind(Scores, scores.top_k_accuracy),
    "roc_auc": Kind(Scores, scores.roc_auc),
    "calibration_error": Kind(Scores, scores.calibration_error, higher_is_better=False),
    "mse": Kind(Moments, scores.mse, higher_is_better=False, for_classes=False),
    "rmse": Kind(Moments, scores.rmse, higher_is_better=False, for_classes=False),
    "mae": Kind(Moments, scores.mae, higher_is_better=False, for_classes=False),
    "r2": Kind(Moments, scores.r2, for_classes=False),
}


class MetricSet:
    """The metrics of one part in one epoch, with the mean loss beside them."""

    def __init__(self, components: Sequence[Component], objective: Objective, device: torch.device) -> None:
        self.objective, self.device = objective, device
        default = () if objective.classes is None else (Component(type="accuracy"),)
        self.components = tuple(components) or default
        self.kinds = {c.type: _checked(c, objective, ("train", "metrics", i)) for i, c in enumerate(self.components)}
        self.reset()

    def reset(self) -> None:
        """Forget every batch."""
        self.loss_sum, self.count = 0.0, 0
        kinds = dict.fromkeys(kind.statistic for kind in self.kinds.values())
        self.statistics: dict[type[Statistic], Statistic] = {kind: kind(self.objective, self.device) for kind in kinds}

    def update(self, loss: float, output: Tensor, target: Tensor) -> None:
        """Add a batch: mean loss, outputs (detached) and targets; a mixed label counts as its greater part."""
        if self.objective.classes is not None and target.is_floating_point():
            target = target.argmax(1)
        self.loss_sum += loss * len(target)
        self.count += len(target)
        for statistic in self.statistics.values():
            statistic.update(output, target)

    def compute(self) -> dict[str, float]:
        """``loss`` and every metric over all samples so far."""
        figures = {"loss": self.loss_sum / max(1, self.count)}
        for component in self.components:
            kind = self.kinds[component.type]
            figures[component.type] = float(kind.formula(self.statistics[kind.statistic], **component.args))
        return figures

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on in the middle of an epoch."""
        return {
            "loss_sum": self.loss_sum,
            "count": self.count,
            "statistics": {kind.__name__: statistic.state_dict() for kind, statistic in self.statistics.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.loss_sum, self.count = state["loss_sum"], state["count"]
        for kind, statistic in self.statistics.items():
            statistic.load_state_dict(state["statistics"][kind.__name__])


def higher_is_better(name: str) -> bool:
    """Whether a figure (``"loss"`` or a metric) is better when it is greater."""
    return name in METRICS and METRICS[name].higher_is_better


def _checked(component: Component, objective: Objective, at: Path) -> Kind:
    kind = choose(component, METRICS, "metric", at)
    if kind.for_classes != (objective.classes is not None):
        task = "classes" if kind.for_classes else "regression"
        raise fail("bad-metric", f'"{component.type}" is a metric for {task}', at=at)
    check_arguments(component, kind.formula, at, given=("statistic",))
    if component.args.get("average", "macro") not in ("macro", "weighted"):
        raise fail("bad-value", "average must be macro or weighted", at=(*at, "average"))
    if any(isinstance(component.args.get(name), int) and component.args[name] < 1 for name in ("k", "n_bins")):
        raise fail("bad-value", f"{component.type}: counts start at 1", at=at)
    return kind
