"""Metrics of a part of the data, accumulated batch by batch and equal to scikit-learn's."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphspec.diagnostics import Path, fail, quoted, suggest
from graphspec.losses import Targets
from graphspec.ops.components import check_arguments, choose
from graphspec.spec.base import Component
from graphspec.training.metrics.names import LOSS, MetricName, names_of
from graphspec.training.metrics.scores import top_k_accuracy
from graphspec.training.metrics.statistics import Confusion, LabelCounts, Statistic, Whole
from graphspec.training.metrics.table import METRICS, Kind
from graphspec.training.optim.objective import Objective, Term, Values

#: Targets that have metrics of their own.
_SPECIAL = (Targets.SEQUENCES, Targets.GROUPS)
#: Losses that wait on a GPU before their sum is taken.
UNSEEN = 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Metric:
    """A metric of one output: what it is called, its kind and arguments, and the term it follows."""

    name: MetricName
    kind: Kind
    arguments: dict[str, Any]
    term: Term

    def always_one(self) -> str:
        """Why it is 1 whatever the network gives, among the classes that there are; empty where it is not."""
        classes = self.term.classes
        if self.kind.formula is not top_k_accuracy or classes is None:
            return ""
        k = self.arguments.get("k", inspect.signature(top_k_accuracy).parameters["k"].default)
        if k < classes:
            return ""
        return f"of {classes} classes every one is among the {k} best, so {quoted(self.name.metric)} is always 1"

    @property
    def statistic(self) -> tuple[type[Statistic], str]:
        """What it reads: metrics with the same one share it."""
        of_labels = self.term.reading.labels is not None and self.kind.statistic is Confusion
        return LabelCounts if of_labels else self.kind.statistic, self.term.outputs[0]


class MetricSet:
    """The metrics of one part in one epoch, with the mean loss beside them.

    A metric is of the first output that a loss compares with a target, or of the one that it names as ``output``; then
    its name has the output's before it (``age_mae``). The loss is that of all samples at once, however they were cut.
    """

    def __init__(self, components: Sequence[Component], objective: Objective, device: torch.device) -> None:
        self.objective, self.device = objective, device
        self.components = tuple(components) or _implied(objective.first)
        names = names_of(self.components)
        metrics = [
            _checked(c, name, objective, ("train", "metrics", i))
            for i, (c, name) in enumerate(zip(self.components, names, strict=True))
        ]
        self.metrics = {str(metric.name): metric for metric in metrics}
        self.reset()

    def reset(self) -> None:
        """Forget every batch."""
        self._loss_sum = 0.0
        #: Losses on a GPU that are not looked at yet, and how many samples each of them is of.
        self._unseen: list[tuple[Tensor, float]] = []
        self.count = 0
        #: For each term of a weighed objective: the sum, and what it is to be divided by.
        self._sums = [(0.0, 0.0)] * len(self.objective.terms)
        self._terms = {metric.statistic: metric.term for metric in self.metrics.values()}
        self.statistics: dict[tuple[type[Statistic], str], Statistic] = {
            key: key[0](term, self.device) for key, term in self._terms.items()
        }

    def update(self, loss: float | Tensor, output: Values, target: Values) -> None:
        """Add a batch: mean loss, outputs (detached) and targets; of several in a row the loss of each."""
        first = output if isinstance(output, Tensor) else next(iter(output.values()))
        count = first.shape[0]
        if self.objective.weighed:
            self._add(output, target)
        elif isinstance(loss, Tensor):
            self._wait(loss, count)
        else:
            self._loss_sum += loss * count
        self.count += count
        for key, statistic in self.statistics.items():
            term = self._terms[key]
            statistic.update(*term.counted(*term.pair(output, target)))

    @torch.no_grad()
    def _add(self, output: Values, target: Values) -> None:
        masses = self.objective.masses(target)
        each = [loss.item() for loss in self.objective.each(output, target, masses)]
        self._sums = [
            (total + loss * mass, whole + mass)
            for (total, whole), loss, mass in zip(self._sums, each, masses, strict=True)
        ]

    def _wait(self, loss: Tensor, count: int) -> None:
        """Add a loss later: to look at a number on a GPU is to wait for it."""
        self._unseen.append((loss.reshape(-1), count / loss.numel()))
        if len(self._unseen) >= UNSEEN:
            self._sum_up()

    def _sum_up(self) -> float:
        """The sum of the samples' losses so far, added batch by batch wherever they were computed."""
        if self._unseen:
            losses = torch.cat([loss for loss, _ in self._unseen]).tolist()
            weights = [weight for loss, weight in self._unseen for _ in range(loss.numel())]
            for loss, weight in zip(losses, weights, strict=True):
                self._loss_sum += loss * weight
            self._unseen = []
        return self._loss_sum

    def _loss(self) -> float:
        if not self.objective.weighed:
            return self._sum_up() / max(1, self.count)
        return sum(total / whole for total, whole in self._sums if whole)

    def compute(self) -> dict[str, float]:
        """``loss`` and every metric over all samples so far."""
        found = {LOSS: self._loss()}
        for name, metric in self.metrics.items():
            found[name] = float(metric.kind.formula(self.statistics[metric.statistic], **metric.arguments))
        return found

    def name_of(self, text: str) -> MetricName | None:
        """The name that is written as `text`; None where it is neither the loss nor one of the metrics."""
        names = [MetricName(LOSS), *(metric.name for metric in self.metrics.values())]
        return next((name for name in names if str(name) == text), None)

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on in the middle of an epoch."""
        return {
            "loss_sum": self._sum_up(),
            "count": self.count,
            "sums": [list(pair) for pair in self._sums],
            "statistics": {_text(key): statistic.state_dict() for key, statistic in self.statistics.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self._loss_sum, self._unseen, self.count = state["loss_sum"], [], state["count"]
        self._sums = [(float(total), float(whole)) for total, whole in state["sums"]]
        for key, statistic in self.statistics.items():
            own = state["statistics"][_text(key)]
            statistic.load_state_dict({name: value.to(self.device) for name, value in own.items()})


def _text(key: tuple[type[Statistic], str]) -> str:
    return f"{key[0].__name__} {key[1]}"


def _implied(term: Term | None) -> tuple[Component, ...]:
    """What is measured where the spec names nothing: what goes with classes, whatever the loss makes of them."""
    classes = term is not None and (term.classes is not None or term.row.targets in _SPECIAL)
    return (Component(type=term.row.metric),) if term is not None and classes else ()


def check_metric(component: Component, at: Path) -> tuple[Kind, dict[str, Any]]:
    """The kind of a metric and the arguments of its formula, checked as far as no data are needed."""
    kind = choose(component, METRICS, "metric", at)
    arguments = {name: value for name, value in component.args.items() if name != "output"}
    check_arguments(Component.model_construct(type=component.type, args=arguments), kind.formula, at, ("statistic",))
    if arguments.get("average", "macro") not in ("macro", "weighted"):
        raise fail("bad-value", "average must be macro or weighted", at=(*at, "average"))
    if any(isinstance(arguments.get(name), int) and arguments[name] < 1 for name in ("k", "n_bins")):
        raise fail("bad-value", f"{component.type}: counts start at 1", at=at)
    return kind, arguments


def _checked(component: Component, name: MetricName, objective: Objective, at: Path) -> Metric:
    kind, arguments = check_metric(component, at)
    term = _term(component, objective, at)
    _check_targets(component, kind, term, at)
    fits = kind.of_labels and term.reading.labels is not None
    if not fits and kind.for_classes not in (None, term.classes is not None):
        task = "classes" if kind.for_classes else "regression"
        hint = (
            "in [data] dataset, classes = true reads a target of whole numbers as classes; of an array, y.astype(int)"
            if kind.for_classes
            else ""
        )
        raise fail("bad-metric", f'"{component.type}" is a metric for {task}', at=at, hint=hint)
    if kind.of_probabilities and term.reading.probability is None:
        message = f"{quoted(component.type)} needs probabilities, which {term.name} does not give an output"
        raise fail("bad-metric", message, at=at)
    metric = Metric(name, kind, arguments, term)
    if "k" in arguments and (why := metric.always_one()):
        raise fail("bad-metric", why, (*at, "k"), f"k is at most {(term.classes or 1) - 1} here")
    return metric


def _check_targets(component: Component, kind: Kind, term: Term, at: Path) -> None:
    """Sequences and embeddings have metrics of their own, and others have none of these."""
    special = term.row.targets if term.row.targets in _SPECIAL else None
    if kind.of_targets is special or (kind.of_targets is None and kind.statistic is Whole):
        return
    fitting = [name for name, each in METRICS.items() if each.of_targets is special is not None]
    message = f'"{component.type}" is not a metric for {term.name}, whose targets are {term.row.targets.value}'
    if special is None and kind.of_targets is not None:
        message = f'"{component.type}" is a metric for {kind.of_targets.value}, which {term.name} does not learn'
    raise fail("bad-metric", message, at=at, hint=f"use {', '.join(map(quoted, fitting))}" if fitting else "")


def _term(component: Component, objective: Objective, at: Path) -> Term:
    scored, named = objective.scored, component.args.get("output")
    term = objective.first if named is None else scored.get(named)
    if term is not None:
        return term
    if not scored:
        raise fail("bad-metric", "no loss compares an output with a target, so nothing can be scored", at=at)
    hint = suggest(str(named), scored) or f"compared are {', '.join(map(quoted, scored))}"
    raise fail("bad-metric", f"no loss compares the output {quoted(str(named))}", at=(*at, "output"), hint=hint)
