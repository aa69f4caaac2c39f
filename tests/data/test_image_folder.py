"""ImageFolder's layout: what is read, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from graphspec.data import DataSet, load, memory
from graphspec.data.decoded import decode
from graphspec.data.sources.parts import part_of
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


def colours(folder: Path, count: int = 2, ending: str = "png", **options: object) -> None:
    """`count` pictures in each of two classes."""
    for label, grey in (("cat", 40), ("dog", 200)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            Image.new("RGB", (6, 6), (grey, i, 0)).save(folder / label / f"{i}.{ending}", **options)


def parts(root: Path, **data: object) -> DataSet:
    return load(DataSpec.model_validate({"dataset": {"type": "ImageFolder", "folder": "set"}, **data}), root)


@pytest.mark.parametrize("train", ["train", "Train", "TRAIN", "training", "Training"])
@pytest.mark.parametrize("validation", ["val", "Val", "valid", "validation", "Validation", "dev"])
@pytest.mark.parametrize("test", ["test", "Test", "testing", "Testing"])
def test_parts_are_known_by_the_names_that_data_sets_give_them(tmp_path, train, validation, test):
    for name, count in ((train, 4), (validation, 2), (test, 3)):
        colours(tmp_path / "set" / name, count)
    data = parts(tmp_path)
    assert [len(data.train), len(data.validation), len(data.test.open())] == [8, 4, 6]
    assert data.classes == ("cat", "dog")


def test_a_part_that_is_not_there_is_split_off(tmp_path):
    colours(tmp_path / "set" / "train", 10)
    colours(tmp_path / "set" / "valid", 3)
    data = parts(tmp_path, test=0.2)
    assert [len(data.train), len(data.validation), len(data.test.open())] == [16, 6, 4]


def test_a_folder_that_holds_images_is_a_class_whatever_its_name(tmp_path):
    for label in ("train", "test", "car"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for i in range(5):
            Image.new("RGB", (6, 6)).save(tmp_path / "set" / label / f"{i}.png")
    assert parts(tmp_path).classes == ("car", "test", "train")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("seg_train", "seg_test"), ("train_images", "test_images"), ("Training Set", "Test Set"),
        ("train2017", "test2017"), ("images-train", "images-test"), ("seg_train/seg_train", "seg_test/seg_test"),
    ],
)  # fmt: skip
def test_parts_are_known_by_the_word_in_their_name(tmp_path, train, test):
    for name, count in ((train, 4), (test, 3)):
        colours(tmp_path / "set" / name, count)
    data = parts(tmp_path, validation=0)
    assert [len(data.train), len(data.test.open()), data.classes] == [8, 6, ("cat", "dog")]


@pytest.mark.parametrize("name", ["train_station", "test tube", "value", "trainers", "protest", "validated"])
def test_a_word_within_another_is_no_part(name):
    assert part_of(name) is None


def test_folders_that_programs_leave_are_no_classes(tmp_path):
    for name in ("train", "test"):
        colours(tmp_path / "set" / name)
    for name in ("__MACOSX", "train/__MACOSX", "test/@eaDir", "train/.ipynb_checkpoints"):
        (tmp_path / "set" / name).mkdir()
    assert parts(tmp_path, validation=0).classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("train/a.png", "test/b.png"), r'"test", "train" hold no folder a class'),
        (("train/a.png", "train/cat/a.png", "test/cat/a.png"), r'holds images \("a.png"\) and folders \("cat"\)'),
    ],
)
def test_images_that_stand_in_no_class_are_refused(tmp_path, files, expected):
    for name in files:
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 6)).save(tmp_path / "set" / name)
    with pytest.raises(GraphspecError, match=expected):
        parts(tmp_path)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("train", "Training", "test"), 'more than one train folder: "Training", "train"'),
        (("Testing", "valid"), "no folder to train on"),
    ],
)
def test_folders_that_leave_a_part_open_are_refused(tmp_path, names, expected):
    for name in names:
        colours(tmp_path / "set" / name)
    with pytest.raises(GraphspecError, match=expected):
        parts(tmp_path)


def test_folders_and_files_that_are_not_read_are_said(tmp_path):
    colours(tmp_path / "set" / "train", 5)
    colours(tmp_path / "set" / "extra")
    for name in ("a.heic", "b.HEIC", "notes.txt", "nothing"):
        (tmp_path / "set" / "train" / "cat" / name).write_text("x")
    with pytest.warns(GraphspecWarning) as said:
        parts(tmp_path)
    texts = " ".join(str(each.message) for each in said)
    assert 'not read beside "train": "extra"' in texts
    assert "4 files are no image by the ending, and left out: 2 .heic, 1 .txt, 1 no ending" in texts


@pytest.mark.parametrize("ending", ["jfif", "gif", "jpe", "bmp", "webp", "tiff", "PNG"])
def test_images_of_every_allowed_format_are_read(tmp_path, ending):
    kind = {"jfif": {"format": "JPEG"}, "jpe": {"format": "JPEG"}}.get(ending, {})
    colours(tmp_path / "set", 5, ending, **kind)
    data = parts(tmp_path, validation=0, test=0)
    assert len(data.train) == 10


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_as_their_exif_tag_says(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=exif)
    with Image.open(tmp_path / "photo.png") as photo:
        expected = np.array(ImageOps.exif_transpose(photo).convert("RGB"))
    assert np.array_equal(decode(str(tmp_path / "photo.png")).permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize("content", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n", b"<svg/>", b""])
def test_a_picture_of_another_format_starts_nothing_and_is_refused(tmp_path, monkeypatch, content):
    """Pillow has Ghostscript draw an EPS, whatever its ending."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    (tmp_path / "bin" / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    colours(tmp_path / "set")
    (tmp_path / "set" / "cat" / "0.png").write_bytes(content)
    with pytest.raises(GraphspecError, match=r"bad-data.*0\.png cannot be read as an image: it is none of PNG, JPEG"):
        parts(tmp_path)
    assert not (tmp_path / "started").exists()


def test_a_fifo_in_place_of_a_picture_is_refused_at_once(tmp_path):
    colours(tmp_path / "set")
    (tmp_path / "set" / "cat" / "0.png").unlink()
    os.mkfifo(tmp_path / "set" / "cat" / "0.png")
    with pytest.raises(GraphspecError, match=r"0\.png cannot be read as an image: it is a FIFO"):
        parts(tmp_path)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"transforms": [{"type": "Resize", "size": [30_000, 30_000]}]}, "Resize makes images of 30000 × 30000"),
        ({"transforms": [{"type": "Resize", "size": [10**6, 1]}]}, "size is at most 32,768, not 1,000,000"),
        ({"transforms": [{"type": "CenterCrop", "size": 20_000}]}, "CenterCrop makes images of 20000 × 20000"),
        ({"transforms": [{"type": "Pad", "padding": 20_000}]}, "Pad makes images of 40006 × 40006"),
        ({"augment": [{"type": "RandAugment", "num_ops": 10**8}]}, "num_ops is at most 100"),
        ({"augment": [{"type": "RandomCrop", "size": 10**6, "padding": 10**6}]}, "size is at most 32,768"),
        ({"augment": [{"type": "MixUp", "alpha": 1e-300}]}, "alpha must be between"),
    ],
)
def test_what_would_take_too_much_is_refused_before_a_picture_is_changed(tmp_path, data, expected):
    colours(tmp_path / "set", 5)
    with pytest.raises(GraphspecError, match=expected):
        parts(tmp_path, **data)


@pytest.mark.parametrize("name", ["\x1b[31mred\x07", "two\nlines", os.fsdecode(b"\xff\xfe")])
def test_names_of_classes_have_no_control_characters_and_are_utf_8(tmp_path, name):
    colours(tmp_path / "set", 5)
    os.rename(tmp_path / "set" / "dog", tmp_path / "set" / name)
    (label,) = set(parts(tmp_path).classes) - {"cat"}
    assert label.isprintable()
    assert label.encode()
