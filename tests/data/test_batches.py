"""The order of batches is a function of (seed, epoch)."""

from __future__ import annotations

import pytest
import torch

from graphspec.data import Batches, Samples, batches, load
from graphspec.data.augment import augmentations
from graphspec.data.augment.crop import RandomCrop
from graphspec.data.transforms import Normalize
from graphspec.spec.base import Component
from graphspec.spec.data import DataSpec


def counted(rows: int, size: int, **more: object) -> Batches:
    x = torch.arange(rows, dtype=torch.float32).unsqueeze(1)
    return Batches(Samples({"x": x}, {"y": x}), size, **more)  # type: ignore[arg-type]


def rows_of(batches: Batches, epoch: int, start: int = 0) -> list[list[int]]:
    return [batch.inputs["x"].flatten().int().tolist() for batch in batches.shuffled(epoch, start)]


@pytest.mark.parametrize(("rows", "size", "drop_last", "sizes"), [(10, 4, False, [4, 4, 2]), (10, 4, True, [4, 4])])
def test_an_epoch_has_every_sample_once(rows: int, size: int, drop_last: bool, sizes: list[int]) -> None:
    batches = counted(rows, size, drop_last=drop_last)
    found = rows_of(batches, 0)
    assert [len(batch) for batch in found] == sizes
    assert len(batches) == len(sizes)
    assert len({row for batch in found for row in batch}) == sum(sizes)


def test_the_order_depends_on_seed_and_epoch_only() -> None:
    assert rows_of(counted(50, 7, seed=1), 3) == rows_of(counted(50, 7, seed=1), 3)
    assert rows_of(counted(50, 7, seed=1), 3) != rows_of(counted(50, 7, seed=1), 4)
    assert rows_of(counted(50, 7, seed=1), 3) != rows_of(counted(50, 7, seed=2), 3)


@pytest.mark.parametrize("start", [0, 1, 5, 8])
def test_starting_in_the_middle_gives_the_same_batches(start: int) -> None:
    spec = {"dataset": "digits", "batch_size": 150, "augment": [{"type": "RandomCrop", "size": 8, "padding": 2}]}
    batches = load(DataSpec.model_validate(spec)).batches("train")
    whole, rest = list(batches.shuffled(2)), list(batches.shuffled(2, start))
    assert len(rest) == len(whole) - start
    for one, other in zip(whole[start:], rest, strict=True):
        assert torch.equal(one.inputs["image"], other.inputs["image"])
        assert torch.equal(one.targets["label"], other.targets["label"])


@pytest.mark.parametrize(("rows", "drop_last"), [(50, False), (50, True), (49, False), (12, False)])
@pytest.mark.parametrize("start", [0, 2])
def test_several_batches_may_come_as_one(rows: int, drop_last: bool, start: int) -> None:
    """As a CUDA graph of four steps takes them; what is left over comes one by one."""
    batches = counted(rows, 7, drop_last=drop_last)
    one_by_one = rows_of(batches, 3, start)
    at_once = [batch.inputs["x"].flatten().int().tolist() for batch in batches.shuffled(3, start, 4)]
    whole = [rows for rows in one_by_one if len(rows) == 7]
    assert [len(rows) for rows in at_once[: len(whole) // 4]] == [28] * (len(whole) // 4)
    assert len(at_once) == len(one_by_one) - 3 * (len(whole) // 4)
    assert [row for rows in at_once for row in rows] == [row for rows in one_by_one for row in rows]


def test_augmented_batches_come_one_by_one() -> None:
    same = Samples({"image": torch.rand(40, 1, 9, 9)}, {"label": torch.zeros(40, dtype=torch.int64)})
    batches = Batches(same, 4, augment=[RandomCrop((5, 5))])
    assert not batches.kept
    assert [len(batch) for batch in batches.shuffled(0, 0, 5)] == [4] * 10


def test_batches_and_epochs_are_augmented_differently() -> None:
    ramp = torch.arange(81.0).view(1, 1, 9, 9).expand(8, -1, -1, -1) / 81
    same = Samples({"image": ramp.contiguous()}, {"label": torch.zeros(8, dtype=torch.int64)})
    batches = Batches(same, 4, augment=[RandomCrop((5, 5))])
    seen = [batch.inputs["image"] for epoch in range(2) for batch in batches.shuffled(epoch)]
    assert len({image.numpy().tobytes() for image in seen}) == 4


def test_only_training_is_augmented() -> None:
    spec = {"dataset": "digits", "augment": [{"type": "RandomCrop", "size": 8, "padding": 4}]}
    data = load(DataSpec.model_validate(spec))
    assert data.validation is not None
    plain = torch.cat([batch.inputs["image"] for batch in data.batches("validation").in_order()])
    assert torch.equal(plain, data.validation.inputs["image"])
    assert not torch.equal(
        next(data.batches("train").shuffled(0)).inputs["image"], data.batch(32, "train").inputs["image"]
    )


CROPS: dict[str, list[object]] = {
    "crop": [{"type": "RandomCrop", "size": [7, 6], "padding": [1, 2, 3, 0]}],
    "crop, mirrored": [{"type": "RandomCrop", "size": 8, "padding": [2, 1, 0, 1]}, "RandomHorizontalFlip"],
    "crop with a fill, mirrored often": [
        {"type": "RandomCrop", "size": 8, "padding": 2, "fill": 0.5},
        {"type": "RandomHorizontalFlip", "p": 0.9},
    ],
    "crop, mirrored, and more": [{"type": "RandomCrop", "size": 6}, "RandomHorizontalFlip", "GaussianNoise"],
    "crop, upside down": [{"type": "RandomCrop", "size": 8, "padding": 2}, "RandomVerticalFlip"],
}


@pytest.mark.parametrize("augment", CROPS.values(), ids=CROPS.keys())
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_crops_cut_from_the_stored_images_are_the_same(
    augment: list[object], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows are cut where memory allows it; the pixels are those of one augmentation after the other."""
    images = torch.randint(0, 256, (50, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    stored = images if dtype == torch.uint8 else images.float() / 255
    samples = Samples({"image": stored}, {"label": torch.arange(50)})
    built = augmentations([Component.model_validate(component) for component in augment])
    normalize = {"image": [Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))]}

    def seen() -> list[Samples]:
        return list(Batches(samples, 16, normalize, built).shuffled(3))

    cut = seen()
    monkeypatch.setattr(batches, "KEPT", 0)
    for one, other in zip(cut, seen(), strict=True):
        assert torch.equal(one.inputs["image"], other.inputs["image"])
        assert torch.equal(one.targets["label"], other.targets["label"])
