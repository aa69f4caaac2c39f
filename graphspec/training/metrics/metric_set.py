"""Metrics of a part of the data, accumulated batch by batch and equal to scikit-learn's.

Each metric is a function of one of three accumulated statistics, so that several metrics share one pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from graphspec.diagnostics import Path, fail, quoted, suggest
from graphspec.ops.components import check_arguments, choose
from graphspec.spec.base import Component
from graphspec.training.metrics import scores
from graphspec.training.objective import Objective, Term, Values

#: Values of outputs that may wait to be counted; each that waits lies where the next batch would have found room.
COUNTED_AT_ONCE = 1 << 14
#: Values of outputs that are not worth waiting with.
_MANY = 1 << 12


class Confusion:
    """Counts of (true class, predicted class): ``matrix`` is ``classes × classes`` int64, rows are the truth.

    Batches are kept and counted many at a time: a small batch's few kernels cost more than its counting.
    """

    def __init__(self, term: Term, device: torch.device) -> None:
        self.term = term
        assert term.classes is not None
        self._matrix = torch.zeros(term.classes, term.classes, dtype=torch.int64, device=device)
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
            cell = torch.cat(targets) * len(self._matrix) + self.term.reading.predicted(torch.cat(outputs))
            self._matrix.view(-1).index_add_(0, cell, torch.ones_like(cell))
            self._waiting, self._values = [], 0

    def update(self, output: Tensor, target: Tensor) -> None:
        """Count a batch, now or later; `output` may be written over in between."""
        many = output.numel() > _MANY
        self._waiting.append((output if many else output.clone(), target))
        self._values += output.numel()
        if many or self._values > COUNTED_AT_ONCE:
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

    def __init__(self, term: Term, device: torch.device) -> None:
        self.reading = term.reading
        self.outputs: list[Tensor] = []
        self.targets: list[Tensor] = []

    def update(self, output: Tensor, target: Tensor) -> None:
        """Keep a batch; `output` may be written over."""
        self.outputs.append(output.clone())
        self.targets.append(target)

    def state_dict(self) -> dict[str, Tensor]:
        """What was kept so far."""
        return {"outputs": torch.cat(self.outputs), "targets": torch.cat(self.targets)} if self.outputs else {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what was kept earlier."""
        self.outputs, self.targets = ([state["outputs"]], [state["targets"]]) if state else ([], [])


class Moments:
    """Sums over samples by output column, in float64: count, error², \\|error\\|, truth, truth²."""

    def __init__(self, term: Term, device: torch.device) -> None:
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


@dataclasses.dataclass(frozen=True, slots=True)
class Metric:
    """A metric of one output: what it is called in tables, its kind and arguments, and the term it follows."""

    name: str
    kind: Kind
    arguments: dict[str, Any]
    term: Term

    @property
    def statistic(self) -> tuple[type[Statistic], str]:
        """What it reads: metrics with the same one share it."""
        return self.kind.statistic, self.term.outputs[0]


class MetricSet:
    """The metrics of one part in one epoch, with the mean loss beside them.

    A metric is of the first output that a loss compares with a target, or of the one that it names as ``output``; then
    its name has the output's before it (``age_mae``).
    """

    def __init__(self, components: Sequence[Component], objective: Objective, device: torch.device) -> None:
        self.objective, self.device = objective, device
        classes = objective.first is not None and objective.first.classes is not None
        self.components = tuple(components) or ((Component(type="accuracy"),) if classes else ())
        metrics = [_checked(c, objective, ("train", "metrics", i)) for i, c in enumerate(self.components)]
        self.metrics = {metric.name: metric for metric in metrics}
        self.reset()

    def reset(self) -> None:
        """Forget every batch."""
        self.loss_sum: float | Tensor = 0.0
        self.count = 0
        self._terms = {metric.statistic: metric.term for metric in self.metrics.values()}
        self.statistics: dict[tuple[type[Statistic], str], Statistic] = {
            key: key[0](term, self.device) for key, term in self._terms.items()
        }

    def update(self, loss: float | Tensor, output: Values, target: Values) -> None:
        """Add a batch: mean loss, outputs (detached) and targets."""
        first = output if isinstance(output, Tensor) else next(iter(output.values()))
        count = first.shape[0]
        self.loss_sum += loss * count
        self.count += count
        for key, statistic in self.statistics.items():
            statistic.update(*self._terms[key].pair(output, target))

    def compute(self) -> dict[str, float]:
        """``loss`` and every metric over all samples so far."""
        figures = {"loss": float(self.loss_sum) / max(1, self.count)}
        for name, metric in self.metrics.items():
            figures[name] = float(metric.kind.formula(self.statistics[metric.statistic], **metric.arguments))
        return figures

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on in the middle of an epoch."""
        return {
            "loss_sum": float(self.loss_sum),
            "count": self.count,
            "statistics": {_text(key): statistic.state_dict() for key, statistic in self.statistics.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.loss_sum, self.count = state["loss_sum"], state["count"]
        for key, statistic in self.statistics.items():
            statistic.load_state_dict(state["statistics"][_text(key)])


def higher_is_better(name: str) -> bool:
    """Whether a figure (``"loss"``, a metric, or a metric of a named output) is better when it is greater."""
    return any(kind.higher_is_better and f"_{name}".endswith(f"_{known}") for known, kind in METRICS.items())


def _text(key: tuple[type[Statistic], str]) -> str:
    return f"{key[0].__name__} {key[1]}"


def _checked(component: Component, objective: Objective, at: Path) -> Metric:
    kind = choose(component, METRICS, "metric", at)
    term = _term(component, objective, at)
    if kind.for_classes != (term.classes is not None):
        task = "classes" if kind.for_classes else "regression"
        raise fail("bad-metric", f'"{component.type}" is a metric for {task}', at=at)
    arguments = {name: value for name, value in component.args.items() if name != "output"}
    check_arguments(Component.model_construct(type=component.type, args=arguments), kind.formula, at, ("statistic",))
    if arguments.get("average", "macro") not in ("macro", "weighted"):
        raise fail("bad-value", "average must be macro or weighted", at=(*at, "average"))
    if any(isinstance(arguments.get(name), int) and arguments[name] < 1 for name in ("k", "n_bins")):
        raise fail("bad-value", f"{component.type}: counts start at 1", at=at)
    named = "output" in component.args and term is not objective.first
    return Metric(f"{term.outputs[0]}_{component.type}" if named else component.type, kind, arguments, term)


def _term(component: Component, objective: Objective, at: Path) -> Term:
    scored, named = objective.scored, component.args.get("output")
    term = objective.first if named is None else scored.get(named)
    if term is not None:
        return term
    if not scored:
        raise fail("bad-metric", "no loss compares an output with a target, so nothing can be scored", at=at)
    hint = suggest(str(named), scored) or f"compared are {', '.join(map(quoted, scored))}"
    raise fail("bad-metric", f"no loss compares the output {quoted(str(named))}", at=(*at, "output"), hint=hint)
