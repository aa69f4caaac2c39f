"""``sampler = "balanced"``: every class equally often, by seed and epoch, in training alone."""

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
