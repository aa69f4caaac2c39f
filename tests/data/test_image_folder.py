"""ImageFolder's layout: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from graphspec.data import DataSet, load, memory
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.spec.data import DataSpec

RESIZE = [{"type": "Resize", "size": [8, 8]}]


def read(root: Path, transforms: list[object] = RESIZE) -> DataSet:
    spec = {"dataset": {"type": "ImageFolder", "folder": "images"}, "validation": 0, "transforms": transforms}
    return load(DataSpec.model_validate(spec), root)


def test_parts_classes_and_modes(images: Path) -> None:
    data = read(images)
    assert data.classes == ("cat", "dog")
    assert data.train.inputs["image"].shape == (6, 3, 8, 8)
    assert data.train.targets["label"].tolist() == [0, 0, 0, 1, 1, 1]
    assert data.train.inputs["image"][:, 0, 0, 0].tolist() == [40, 41, 42, 200, 201, 202]
    assert len(data.test.open()) == 4


def test_without_parts_the_test_part_is_split_off(images: Path) -> None:
    (images / "images" / "train").rename(images / "flat")
    data = load(DataSpec.model_validate({"dataset": {"type": "ImageFolder"}, "transforms": RESIZE}), images / "flat")
    assert (len(data.train), len(data.test.open())) == (4, 1)


def test_16_bits_are_scaled(images: Path) -> None:
    Image.new("I;16", (20, 16), 40 * 256).save(images / "images/train/cat/0.png")
    assert read(images).train.inputs["image"][0].unique().tolist() == [40]


def test_hidden_folders_and_links_are_passed_over(images: Path) -> None:
    train = images / "images" / "train"
    (train / ".git").mkdir()
    (train / "cat" / "loop").symlink_to(train)
    (train / "cat" / "link.png").symlink_to(train / "dog" / "0.png")
    (train / "cat" / ".hidden.png").write_bytes((train / "dog" / "0.png").read_bytes())
    (train / "bird").symlink_to(train / "dog")
    with pytest.warns(GraphspecWarning) as warnings:
        data = read(images)
    assert [str(w.message).split("images/train/")[1] for w in warnings] == ["bird", "cat/link.png and 1 more"]
    assert data.classes == ("cat", "dog")
    assert len(data.train) == 6


def _truncated(root: Path) -> None:
    path = root / "train" / "cat" / "1.png"
    path.write_bytes(path.read_bytes()[:50])


def test_resized_images_are_v2s(images: Path) -> None:
    from torchvision.transforms import v2

    picture = torch.randint(0, 256, (16, 20, 3), dtype=torch.uint8)
    Image.fromarray(picture.numpy()).save(images / "images/train/cat/0.png")
    assert torch.equal(read(images).train.inputs["image"][0], v2.Resize([8, 8])(picture.permute(2, 0, 1)))


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "budget", lambda: 0)


def test_images_beyond_the_memory_stay_on_disk_and_are_the_same(images: Path, no_memory: None) -> None:
    spec = {
        "dataset": {"type": "ImageFolder", "folder": "images"},
        "transforms": RESIZE,
        "batch_size": 2,
        "validation": 0.3,
    }
    spec["augment"] = ["RandomHorizontalFlip"]
    streamed = load(DataSpec.model_validate(spec), images)
    with pytest.MonkeyPatch.context() as enough:
        enough.setattr(memory, "budget", lambda: 2**40)
        resident = load(DataSpec.model_validate(spec), images)
    assert streamed.train.streamed
    assert not resident.train.streamed
    for part in ("train", "validation", "test"):
        ours, theirs = (data.batches(part) for data in (streamed, resident))
        for one, other in zip(ours.shuffled(3), theirs.shuffled(3), strict=True):
            assert torch.equal(one.inputs["image"], other.inputs["image"])
            assert torch.equal(one.targets["label"], other.targets["label"])
        for one, other in zip(ours.in_order(), theirs.in_order(), strict=True):
            assert torch.equal(one.inputs["image"], other.inputs["image"])


def test_a_damaged_image_on_disk_is_said_when_it_is_read(images: Path, no_memory: None) -> None:
    _truncated(images / "images")
    data = read(images)
    with pytest.raises(GraphspecError, match=r"cat/1\.png cannot be read"):
        list(data.batches("train").in_order())


def test_a_changed_file_changes_the_fingerprint(images: Path, no_memory: None) -> None:
    before = read(images).fingerprint
    assert read(images).fingerprint == before
    Image.new("L", (20, 16), 99).save(images / "images/train/cat/1.png")
    assert read(images).fingerprint != before


def test_the_budget_is_less_than_the_machine_has() -> None:
    assert 0 < memory.budget() < 2**50
