"""One rule says what a metric is called, wherever it is written, read or searched for."""

from __future__ import annotations

import pytest

from graphspec.diagnostics import GraphspecError
from graphspec.spec.base import Component
from graphspec.training.metrics.names import MetricName, by_part, columns, higher_is_better, names_of
from graphspec.training.metrics.table import METRICS


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        (["accuracy", "f1"], ["accuracy", "f1"]),
        ([{"type": "mae", "output": "age"}, {"type": "accuracy", "output": "kind"}], ["age_mae", "kind_accuracy"]),
        (["f1", {"type": "f1", "average": "weighted"}], ["f1", "f1_weighted"]),
        (
            [{"type": "top_k_accuracy", "k": 3}, {"type": "top_k_accuracy", "k": 5}],
            ["top_k_accuracy", "top_k_accuracy_5"],
        ),
    ],
)
def test_a_name_is_of_what_is_measured(metrics: list[object], names: list[str]) -> None:
    assert [str(name) for name in names_of([Component.model_validate(metric) for metric in metrics])] == names


def test_a_metric_is_measured_once() -> None:
    with pytest.raises(GraphspecError, match=r'bad-metric.*"f1" is measured already'):
        names_of([Component(type="f1"), Component(type="f1")])


def test_a_row_is_read_as_it_was_written() -> None:
    metrics = {"train": {"loss": 1.0, "train_mae": 2.0}, "validation": {"loss": 3.0, "validation_train_r2": 4.0}}
    row = {"epoch": 1, "lr": 0.1} | columns("train", metrics["train"]) | columns("validation", metrics["validation"])
    assert by_part(row) == metrics
    assert by_part({"epoch": 1} | columns("train", {"loss": 1.0})) == {"train": {"loss": 1.0}}


@pytest.mark.parametrize("metric", METRICS)
def test_which_way_is_better_follows_from_the_metric(metric: str) -> None:
    for name in (MetricName(metric), MetricName(metric, "accuracy"), MetricName(metric, "mae", ("3",))):
        assert name.higher_is_better == higher_is_better(str(name)) == METRICS[metric].higher_is_better
    assert not MetricName("loss").higher_is_better
    assert not higher_is_better("loss")
