"""What TensorBoard reads is metrics.csv, also of a run that was resumed."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from graphspec import pipeline
from graphspec.training.run.reporter import Silent


def test_each_epoch_is_there(digits: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tmp_path / "run"
    del digits["train"]["scheduler"]
    common: dict[str, Any] = {"run": run, "device": "cpu", "tensorboard": True, "reporter": Silent()}
    pipeline.train(digits, epochs=2, **common)
    pipeline.train(digits, epochs=3, resume=True, **common)
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    assert {"loss/train", "accuracy/train", "loss/validation", "roc_auc/validation", "lr"} <= set(
        events.Tags()["scalars"]
    )
    for tag, column in (("loss/train", "train_loss"), ("accuracy/validation", "validation_accuracy"), ("lr", "lr")):
        found = [(event.step, event.value) for event in events.Scalars(tag)]
        assert found == [(int(row["epoch"]), pytest.approx(float(row[column]))) for row in rows]
