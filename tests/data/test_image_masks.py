"""Folders of images with masks: which files are pairs, what their pixels mean, and what moves with what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from graphspec.data import load, memory
from graphspec.data.dataset import DataSet
from graphspec.data.place import DataPlace
from graphspec.data.streamed import ImageFiles
from graphspec.data.wanted import Wanted
from graphspec.diagnostics import GraphspecError
from graphspec.spec.base import Component
from graphspec.spec.data import DataSpec

DATASET = {"type": "ImageMasks", "classes": 3}


def picture(path: Path, size: tuple[int, int] = (6, 8), **kept: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)).save(path, **kept)


def labels(size: tuple[int, int] = (6, 8), values: tuple[int, ...] = (0, 1, 2)) -> np.ndarray:
    """Stripes of `values` from left to right."""
    return np.broadcast_to(np.array(values)[np.arange(size[1]) * len(values) // size[1]], size).astype(np.uint8)


def mask(path: Path, found: np.ndarray, mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(found)
    if mode == "P":
        image.putpalette(bytes(range(256)) * 3)
    (image.convert("1", dither=Image.Dither.NONE) if mode == "1" else image).save(path)


def folder(root: Path, count: int = 4, part: str = "") -> Path:
    for i in range(count):
        picture(root / "images" / part / f"{i}.jpg")
        mask(root / "masks" / part / f"{i}.png", labels())
    return root


def read(root: Path, losses: tuple[Component, ...] = (), transforms: Any = (), **dataset: Any) -> DataSet:
    spec = {"dataset": DATASET | dataset, "validation": 0, "test": 0, "transforms": list(transforms)}
    return load(DataSpec.model_validate(spec), root, wanted=Wanted(losses))


def test_a_mask_holds_a_class_in_each_pixel(tmp_path: Path) -> None:
    data = read(folder(tmp_path))
    assert data.train.inputs["image"].shape == (4, 3, 6, 8)
    assert torch.equal(data.train.targets["mask"].long(), torch.from_numpy(labels().astype(int)).expand(4, -1, -1))
    assert data.labels == {"mask": ("0", "1", "2")}


@pytest.mark.parametrize(
    ("mode", "values", "dataset"),
    [
        ("P", (0, 1, 2), {}),
        ("L", (0, 128, 255), {"values": [0, 128, 255]}),
        ("1", (0, 255), {"classes": ["road", "car"]}),
        ("L", (0, 255), {"classes": 2, "values": [0, 255]}),
    ],
    ids=["indices of a palette", "grey values by number", "bits", "black and white"],
)
def test_what_files_hold_becomes_classes(mode: str, values: Any, dataset: dict[str, Any], tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    mask(tmp_path / "masks" / "a.png", labels(values=values), mode)
    found = read(tmp_path, **dataset).train.targets["mask"][0].long()
    assert torch.equal(found, torch.from_numpy(labels(values=tuple(range(len(values)))).astype(int)))


def test_ignored_pixels_need_not_be_a_class(tmp_path: Path) -> None:
    folder(tmp_path)
    mask(tmp_path / "masks" / "0.png", labels(values=(0, 1, 255)))
    loss = Component.model_validate({"type": "CrossEntropyLoss", "ignore_index": 255})
    assert read(tmp_path, (loss,)).train.targets["mask"].unique().tolist() == [0, 1, 2, 255]


@pytest.mark.parametrize("layout", ["images/{part}", "{part}/images"])
def test_parts_have_folders_of_their_own(layout: str, tmp_path: Path) -> None:
    for part, count in {"train": 3, "valid": 2, "Test": 1}.items():
        for i in range(count):
            picture(tmp_path / layout.format(part=part) / f"{i}.png")
            mask(tmp_path / layout.format(part=part).replace("images", "masks") / f"{i}.png", labels())
    data = read(tmp_path)
    assert [len(data.samples(part)) for part in ("train", "validation", "test")] == [3, 2, 1]


def test_a_size_transform_takes_the_mask_along_by_nearest(tmp_path: Path) -> None:
    resize = [{"type": "Resize", "size": [3, 4]}]
    found = read(folder(tmp_path), transforms=resize).train
    assert found.inputs["image"].shape == (4, 3, 3, 4)
    assert found.targets["mask"].shape == (4, 3, 4)
    assert set(found.targets["mask"].unique().tolist()) == {0, 1, 2}


def _other_size(root: Path) -> None:
    mask(root / "masks" / "1.png", labels((6, 9)))


def _no_mask(root: Path) -> None:
    (root / "masks" / "1.png").unlink()


def _other_number(root: Path) -> None:
    mask(root / "masks" / "2.png", labels(values=(0, 1, 7)))


def _colours(root: Path) -> None:
    picture(root / "masks" / "3.png")


def _jpeg(root: Path) -> None:
    (root / "masks" / "1.png").unlink()
    Image.fromarray(labels()).save(root / "masks" / "1.jpg")


def _not_alike(root: Path) -> None:
    picture(root / "images" / "9.png", (5, 5))
    mask(root / "masks" / "9.png", labels((5, 5)))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_other_size, r"images/1\.jpg is 6 × 8, its mask .*masks/1\.png is 6 × 9"),
        (_no_mask, r"images/1\.jpg has no partner of its name in .*masks"),
        (_other_number, r"masks/2\.png holds 7, and the classes are 0, 1, 2; .*ignore_index = 7"),
        (_colours, r"masks/3\.png has pixels of mode RGB, which are no classes"),
        (_jpeg, r"masks/1\.jpg.* cannot be read as a mask: it is none of PNG"),
        (_not_alike, r"differ in size: .*0\.jpg is 6 × 8, .*9\.png is 5 × 5; add \{ type = \"Resize\""),
    ],
)
def test_what_is_wrong_is_said_with_its_file(damage: Any, said: str, tmp_path: Path) -> None:
    damage(folder(tmp_path))
    with pytest.raises(GraphspecError, match=said):
        read(tmp_path)


def test_made_shapes_are_the_same_for_a_seed() -> None:
    spec = DataSpec.model_validate({"dataset": {"type": "shapes", "samples": 30, "size": 16}})
    one, two = (load(spec, seed=3).train for _ in range(2))
    assert torch.equal(one.inputs["image"], two.inputs["image"])
    assert one.targets["mask"].unique().tolist() == [0, 1, 2]
    assert not torch.equal(one.inputs["image"], load(spec, seed=4).train.inputs["image"])


def test_voc_is_read_with_torchvisions_class(tmp_path: Path) -> None:
    top = tmp_path / "VOCdevkit" / "VOC2012"
    for part, names in {"train": ["a", "b"], "val": ["c"]}.items():
        (top / "ImageSets" / "Segmentation").mkdir(parents=True, exist_ok=True)
        (top / "ImageSets" / "Segmentation" / f"{part}.txt").write_text("\n".join(names))
        for name in names:
            picture(top / "JPEGImages" / f"{name}.jpg")
            mask(top / "SegmentationClass" / f"{name}.png", labels(values=(0, 20, 255)), "P")
    loss = Component.model_validate({"type": "CrossEntropyLoss", "ignore_index": 255})
    spec = DataSpec.model_validate({"dataset": "VOCSegmentation", "validation": 0})
    data = load(spec, tmp_path, wanted=Wanted((loss,)))
    assert (len(data.train), len(data.test.open())) == (2, 1)
    assert data.train.targets["mask"].unique().tolist() == [0, 20, 255]
    assert data.labels["mask"][20] == "tvmonitor"
    with pytest.raises(GraphspecError, match="ignore_index = 255"):
        load(spec, tmp_path)


def test_masks_that_do_not_fit_into_memory_are_read_batch_by_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same samples, counts and batches, with images and masks moved together, as of those in memory."""
    for i in range(7):
        picture(tmp_path / "images" / f"{i}.png")
        mask(tmp_path / "masks" / f"{i}.png", np.roll(labels(), i, 1), "P")
    spec = {
        "dataset": DATASET, "validation": 0.3, "test": 0, "batch_size": 2,
        "transforms": [{"type": "Resize", "size": 4}],
        "augment": ["RandomHorizontalFlip"],
    }  # fmt: skip
    kept, counts = load(DataSpec.model_validate(spec), tmp_path), []
    monkeypatch.setattr(memory, "budget", lambda: 0)
    data = load(DataSpec.model_validate(spec), tmp_path)
    assert all(isinstance(value, ImageFiles) for value in (data.train.inputs["image"], data.train.targets["mask"]))
    for each in (kept, data):
        counts.append([each.class_counts("mask"), each.class_counts("mask", each.validation)])
        assert int(counts[-1][0].sum()) == 5 * 4 * 5
    assert all(torch.equal(*pair) for pair in zip(*counts, strict=True))
    for part in ("train", "validation"):
        batches = [list(each.batches(part).shuffled(1)) + list(each.batches(part).in_order()) for each in (kept, data)]
        for one, other in zip(*batches, strict=True):
            assert torch.equal(one.inputs["image"], other.inputs["image"])
            assert torch.equal(one.targets["mask"], other.targets["mask"])
    assert data.fingerprint == load(DataSpec.model_validate(spec), tmp_path).fingerprint
    mask(tmp_path / "masks" / "3.png", labels(), "P")
    assert data.fingerprint != load(DataSpec.model_validate(spec), tmp_path).fingerprint


def test_a_mask_on_disk_is_checked_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path)
    monkeypatch.setattr(memory, "budget", lambda: 0)
    mask(tmp_path / "masks" / "2.png", labels(values=(0, 1, 7)))
    with pytest.raises(GraphspecError, match=r"2\.png holds 7, and the classes are 0, 1, 2"):
        list(read(tmp_path).batches("train").in_order())
    mask(tmp_path / "masks" / "2.png", labels((6, 7)))
    with pytest.raises(GraphspecError, match=r"2\.jpg is 6 × 8, its mask .*2\.png is 6 × 7"):
        read(tmp_path)


def test_an_image_that_its_exif_tag_turns_has_the_size_of_its_mask(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(tmp_path / "images" / "a.jpg", (6, 8), exif=exif)
    mask(tmp_path / "masks" / "a.png", labels((8, 6)))
    assert read(tmp_path).train.inputs["image"].shape == (1, 3, 8, 6)


def test_decoded_images_of_masks_are_kept_in_the_cache(tmp_path: Path) -> None:
    place = DataPlace(root=folder(tmp_path / "set"), cache=tmp_path / "cache")
    spec = DataSpec.model_validate({"dataset": DATASET, "validation": 0, "test": 0})
    (tmp_path / "cache").mkdir()
    first = load(spec, place).train
    assert any((tmp_path / "cache").iterdir())
    assert torch.equal(load(spec, place).train.inputs["image"], first.inputs["image"])
