"""A batch that is looked up has the bits of the transforms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from graphspec.data import Batches, Samples, look_up
from graphspec.data.transforms import Normalize, to_float
from graphspec.system.shared_library import BuildError, shared_library

NORMALIZE = {
    1: [Normalize((0.2860,), (0.3530,))],
    3: [Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), Normalize((0.1, 0.2, 0.3), (2.0, 4.0, 3.0))],
    4: [],
}


@pytest.fixture(autouse=True)
def however_few_values(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        shared_library(look_up._SOURCE, look_up._FLAGS)
    except BuildError as error:
        pytest.skip(str(error))
    monkeypatch.setattr(look_up, "_WORTHWHILE", 0)


def batches(channels: int, **more: Any) -> Batches:
    draw = torch.Generator().manual_seed(channels)
    images = torch.randint(0, 256, (50, channels, 5, 7), dtype=torch.uint8, generator=draw)
    images[0, :, 0, :2] = torch.tensor([0, 255], dtype=torch.uint8)
    samples = Samples({"image": images}, {"label": torch.arange(50)})
    return Batches(samples, 8, {"image": NORMALIZE[channels]}, **more)


def expected(found: Batches, rows: Tensor) -> Tensor:
    values = to_float(found.samples.inputs["image"][rows])
    for transform in found.transforms["image"]:
        values = transform(values)
    return values


@pytest.mark.parametrize("channels", NORMALIZE)
def test_every_batch_is_what_the_transforms_make(channels: int) -> None:
    found = batches(channels)
    assert isinstance(found._values, look_up.LookUp)
    order = found.order(3).split(8)
    for rows, batch in zip(order, found.shuffled(3), strict=True):
        assert torch.equal(batch.inputs["image"], expected(found, rows))
        assert torch.equal(batch.targets["label"], rows)
    for rows, batch in zip(torch.arange(50).split(20), found.in_order(20), strict=True):
        assert torch.equal(batch.inputs["image"], expected(found, rows))
    rows = torch.tensor([49, 0, 0, 7, 13])[::2]
    (batch,) = found.at(iter([rows]))
    assert torch.equal(batch.inputs["image"], expected(found, rows))


@pytest.mark.parametrize(
    "other",
    [
        torch.zeros(50, 1, 5, 7),
        torch.zeros(50, 35, dtype=torch.uint8),
        torch.zeros(5, 7, 1, 50, dtype=torch.uint8).permute(3, 2, 0, 1),
    ],
    ids=["floats", "a table", "in another order"],
)
def test_other_values_are_not(other: Tensor) -> None:
    assert look_up.look_up(Samples({"x": other}, {}), lambda name, value: value) is None


def test_without_a_compiler_batches_are_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there = [batch.inputs["image"] for batch in batches(3).shuffled(0)]
    shared_library.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = batches(3)
    assert found._looked_up is None
    assert all(torch.equal(a, b.inputs["image"]) for a, b in zip(there, found.shuffled(0), strict=True))
