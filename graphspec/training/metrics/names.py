"""What a measured value is called: in metrics.csv, tables, pictures and TensorBoard, as a monitor and in a search."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from graphspec.diagnostics import Path, fail, quoted
from graphspec.spec.base import Component
from graphspec.training.metrics.table import METRICS

LOSS = "loss"
#: The parts that each epoch measures, as columns of metrics.csv begin.
PARTS = ("train", "validation")
#: Names that are written otherwise where there is room.
_TITLES = {"roc_auc": "ROC AUC", "mse": "MSE", "rmse": "RMSE", "mae": "MAE", "r2": "R²", "f1": "F1", "iou": "IoU"}


@dataclasses.dataclass(frozen=True, slots=True)
class MetricName:
    """``metric`` (``"loss"``, or one of the table) of ``output``, where it names one.

    ``arguments`` tell it from another with the same name: ``f1`` and ``f1_weighted``.
    """

    metric: str
    output: str = ""
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        """``accuracy``, ``age_mae``, ``top_k_accuracy_3``."""
        return "_".join(filter(None, (self.output, self.metric, *self.arguments)))

    @property
    def higher_is_better(self) -> bool:
        """Whether a greater value is a better one."""
        return self.metric in METRICS and METRICS[self.metric].higher_is_better


def names_of(metrics: Sequence[Component], at: Path = ("train", "metrics")) -> tuple[MetricName, ...]:
    """What each of `metrics` is called: with the output before it that it names.

    Raises ``GraphspecError`` where two are the same metric.
    """
    found: list[MetricName] = []
    for i, component in enumerate(metrics):
        name = MetricName(component.type, str(component.args.get("output", "")))
        if name in found:
            own = {key: value for key, value in component.args.items() if key != "output"}
            name = dataclasses.replace(name, arguments=tuple(str(value) for value in own.values()))
        if name in found:
            raise fail("bad-metric", f"{quoted(str(name))} is measured already", at=(*at, i), hint="remove it")
        found.append(name)
    return tuple(found)


def columns(part: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """The columns of metrics.csv with the `metrics` of `part`."""
    return {f"{part}_{name}": value for name, value in metrics.items()}


def by_part(row: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """What :func:`columns` made, out of a row of metrics.csv: the parts that it has, and the metrics of each."""
    found = {
        part: {name.removeprefix(f"{part}_"): value for name, value in row.items() if name.startswith(f"{part}_")}
        for part in PARTS
    }
    return {part: metrics for part, metrics in found.items() if metrics}


def higher_is_better(name: str) -> bool:
    """As :attr:`MetricName.higher_is_better`, of a written name: the metric is the last one that stands in it."""
    places = {known: f"_{name}_".rfind(f"_{known}_") for known in METRICS}
    known, place = max(places.items(), key=lambda each: each[1])
    return place >= 0 and METRICS[known].higher_is_better


def title(name: str) -> str:
    """`name` as the heading of a picture."""
    return _TITLES.get(name, name.replace("_", " "))
