"""``sampler``: every class equally often, or samples as a column says, by seed and epoch, in training alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from graphspec.data import DataSet, load
from graphspec.diagnostics import GraphspecError
from graphspec.spec.data import DataSpec


@pytest.fixture
def read(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The data set of a file with `counts` samples of each class, 3 numbers a sample, the first of which is its row."""
    monkeypatch.chdir(tmp_path)

    def make(counts: tuple[int, ...] = (900, 90, 10), **change: Any) -> DataSet:
        y = np.repeat(np.arange(len(counts)), counts)
        x = np.stack([np.arange(len(y))] * 3, 1).astype(np.float32)
        np.savez(tmp_path / "x.npz", x=x, y=y)
        spec = {"dataset": {"type": "npz", "file": "x.npz", "targets": ["y"]}, "root": ".", "sampler": "balanced"}
        return load(DataSpec.model_validate({**spec, "validation": 0.0, "test": 0.0, **change}), seed=3)

    return make


def drawn(data: DataSet, epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows and the classes that an epoch has."""
    batches = list(data.batches("train").shuffled(epoch))
    rows = torch.cat([batch.inputs["x"][:, 0] for batch in batches])
    return rows, torch.cat([batch.targets["y"] for batch in batches])


def test_classes_come_equally_often(read: Any) -> None:
    """As of torch.utils.data.WeightedRandomSampler with weights 1 / count; each sample of a class is as likely."""
    data = read()
    rows, classes = (torch.cat(each) for each in zip(*(drawn(data, epoch) for epoch in range(20)), strict=True))
    shares = classes.bincount().double() / len(classes)
    assert shares.tolist() == pytest.approx([1 / 3] * 3, abs=0.015)  # 4 standard deviations of 20,000 draws
    rare = rows[classes == 2].to(torch.int64).unique(return_counts=True)[1]
    assert len(rare) == 10
    assert rare.double().std() / rare.double().mean() < 0.1


def test_the_order_is_a_function_of_seed_and_epoch(read: Any) -> None:
    first, again, other = drawn(read(), 1)[0], drawn(read(), 1)[0], drawn(read(), 2)[0]
    assert len(first) == 1000
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    late = torch.cat([batch.inputs["x"][:, 0] for batch in read().batches("train").shuffled(1, 20)])
    assert torch.equal(late, first[20 * 32 :])


def test_parts_are_measured_as_they_are(read: Any) -> None:
    data = read(validation=0.2)
    measured = torch.cat([batch.targets["y"] for batch in data.batches("train").in_order()])
    assert measured.bincount().tolist() == [720, 72, 8]


def test_values_have_no_classes_to_balance(read: Any) -> None:
    with pytest.raises(GraphspecError, match="no target has one a sample"):
        read(dataset="diabetes")


def weighted(read: Any, tmp_path: Any, weights: Any, **change: Any) -> DataSet:
    """100 rows of a table with the column ``weight``, and the same in ``x``, which is a feature."""
    lines = [f"{row},{weight},{row % 2}" for row, weight in enumerate(weights)]
    (tmp_path / "x.csv").write_text("\n".join(["x,weight,y", *lines]))
    dataset = {"type": "csv", "file": "x.csv", "target": "y", "classes": True}
    return read(dataset=dataset, sampler={"weights": "weight"}, **change)


def rows_drawn(data: DataSet, epochs: int) -> torch.Tensor:
    batches = [batch for epoch in range(epochs) for batch in data.batches("train").shuffled(epoch)]
    return torch.cat([next(iter(batch.inputs.values()))[:, 0] for batch in batches]).to(torch.int64)


def test_samples_are_drawn_in_proportion_to_a_column(read: Any, tmp_path: Any) -> None:
    """As torch.utils.data.WeightedRandomSampler draws; a weight of 0 is never drawn, and no weight is a feature."""
    weights = [row % 5 for row in range(100)]
    data = weighted(read, tmp_path, weights)
    assert [value.shape[1] for value in data.train.inputs.values()] == [1]
    drawn_rows = rows_drawn(data, 200)
    assert len(drawn_rows) == 200 * 100
    shares = (drawn_rows % 5).bincount(minlength=5).double() / len(drawn_rows)
    assert shares[0] == 0
    assert shares.tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=0.015)  # 4 deviations of 20,000 draws
    assert not torch.equal(rows_drawn(data, 1), drawn_rows[100:200])
    assert torch.equal(rows_drawn(data, 1), drawn_rows[:100])


def test_weights_stay_with_their_rows_where_parts_are_split_off(read: Any, tmp_path: Any) -> None:
    data = weighted(read, tmp_path, [int(row >= 60) for row in range(100)], validation=0.3, test=0.2)
    assert rows_drawn(data, 20).min() >= 60
    folded = weighted(read, tmp_path, [int(row >= 60) for row in range(100)], folds=4, fold=1)
    assert rows_drawn(folded, 20).min() >= 60
    measured = sum(len(batch) for batch in data.batches("train").in_order())
    assert measured == len(data.train)


def test_an_array_of_a_file_may_hold_them(read: Any, tmp_path: Any) -> None:
    np.savez(tmp_path / "w.npz", x=np.arange(20, dtype=np.float32)[:, None], y=np.arange(20) % 2, w=np.arange(20) > 14)
    data = read(dataset={"type": "npz", "file": "w.npz", "targets": ["y"]}, sampler={"weights": "w"})
    assert list(data.train.inputs) == ["x"]
    assert set(rows_drawn(data, 20).tolist()) == {15, 16, 17, 18, 19}


@pytest.mark.parametrize(
    ("weights", "change", "message"),
    [
        ([0] * 100, {}, "not all 0"),
        ([-1] * 100, {}, "not below 0"),
        (["a"] * 100, {}, "holds no weights, but texts"),
        ([1] * 100, {"sampler": {"weights": "wait"}}, 'no column "wait"'),
        ([1] * 100, {"dataset": "iris"}, 'iris has no column "weight" to draw by'),
    ],
)
def test_mistakes(read: Any, tmp_path: Any, weights: Any, change: Any, message: str) -> None:
    lines = [f"{row},{weight},{row % 2}" for row, weight in enumerate(weights)]
    (tmp_path / "x.csv").write_text("\n".join(["x,weight,y", *lines]))
    dataset = {"type": "csv", "file": "x.csv", "target": "y", "classes": True}
    with pytest.raises(GraphspecError, match=message) as caught:
        read(**{"dataset": dataset, "sampler": {"weights": "weight"}, **change})
    assert caught.value.diagnostics[0].at[:2] == ("data", "sampler")
