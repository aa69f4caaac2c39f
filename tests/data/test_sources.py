"""Every source gives samples of the documented shapes, through the library's own loader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets

from graphspec.data import load
from graphspec.diagnostics import GraphspecError
from graphspec.spec.data import DataSpec


def spec(dataset: object, **more: object) -> DataSpec:
    return DataSpec.model_validate({"dataset": dataset, **more})


@pytest.mark.parametrize(
    ("name", "field", "shape", "classes", "rows"),
    [
        ("digits", "image", (1, 8, 8), 10, 1797),
        ("iris", "features", (4,), 3, 150),
        ("wine", "features", (13,), 3, 178),
        ("breast_cancer", "features", (30,), 2, 569),
        ("diabetes", "features", (10,), None, 442),
        ("line", "x", (1,), None, 100),
    ],
)
def test_embedded_sets(name: str, field: str, shape: tuple[int, ...], classes: int | None, rows: int) -> None:
    data = load(spec(name))
    assert data.train.inputs[field].shape[1:] == shape
    assert data.train.inputs[field].dtype == torch.float32
    assert (len(data.classes) if data.classes else None) == classes
    assert data.validation is not None
    assert len(data.train) + len(data.validation) + len(data.test.open()) == rows
    target = next(iter(data.train.targets.values()))
    assert (target.dtype, target.ndim) == ((torch.int64, 1) if classes else (torch.float32, 2))


def test_digits_are_floats_between_0_and_1() -> None:
    images = load(spec("digits", validation=0, test=0)).train.inputs["image"]
    assert (images.min(), images.max()) == (0, 1)


def test_line_follows_its_formula() -> None:
    data = load(spec({"type": "line", "samples": 20_000, "noise": 0.5}, validation=0, test=0))
    x, y = data.train.inputs["x"].double(), data.train.targets["y"].double()
    noise = y - 3 * x - 2
    assert 0 <= x.min() < 0.01
    assert 1.99 < x.max() <= 2
    assert abs(noise.mean()) < 0.02
    assert abs(noise.std() - 0.5) < 0.02


def test_fashion_mnist_is_what_torchvision_reads(fashion: Path) -> None:
    data = load(spec("FashionMNIST", validation=0), fashion)
    theirs = datasets.FashionMNIST(fashion, train=True)
    assert torch.equal(data.train.inputs["image"], theirs.data.unsqueeze(1))
    assert torch.equal(data.train.targets["label"], theirs.targets)
    assert torch.equal(data.test.open().inputs["image"], datasets.FashionMNIST(fashion, train=False).data.unsqueeze(1))
    assert data.classes is not None
    assert data.classes[9] == "Ankle boot"


def test_cifar10_is_what_torchvision_reads(cifar10: Path) -> None:
    data = load(spec("CIFAR10", validation=0), cifar10)
    theirs = datasets.CIFAR10(cifar10, train=True)
    assert data.train.inputs["image"].shape == (20, 3, 32, 32)
    assert np.array_equal(data.train.inputs["image"].permute(0, 2, 3, 1), theirs.data)
    assert data.train.targets["label"].tolist() == theirs.targets
    assert len(data.test.open()) == 4
    assert data.classes is not None
    assert data.classes[3] == "cat"


def test_the_test_part_is_not_read_before_it_is_opened(fashion: Path) -> None:
    (fashion / "FashionMNIST/raw/t10k-images-idx3-ubyte").write_bytes(b"not an idx file")
    data = load(spec("FashionMNIST"), fashion)
    assert not data.test.opened
    with pytest.raises(GraphspecError, match=r"bad-data.*damaged"):
        data.test.open()


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ("FashionMNSIT", r'unknown-component.*did you mean "FashionMNIST"'),
        ("FashionMNIST", r"no-data.*no FashionMNIST under.*--download"),
        ("CIFAR10", r"no-data.*no CIFAR10 under"),
        ({"type": "line", "sample": 3}, r'unknown-argument.*did you mean "samples"'),
        ({"type": "line", "noise": "much"}, r"bad-value.*must be a number"),
        ({"type": "ImageFolder", "folder": "../x"}, r"outside.*leads out of the working directory"),
        ({"type": "ImageFolder", "folder": "nowhere"}, r"no-such-file.*does not exist"),
    ],
)
def test_what_is_wrong_is_said(dataset: object, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GraphspecError, match=expected):
        load(spec(dataset))


@pytest.mark.parametrize("root", ["/etc", "../data", "a/../../b"])
def test_a_root_outside_the_working_directory_is_refused(root: str) -> None:
    with pytest.raises(GraphspecError, match="outside"):
        load(spec("digits", root=root))


def test_a_label_outside_the_classes_names_its_row(fashion: Path) -> None:
    labels = fashion / "FashionMNIST/raw/train-labels-idx1-ubyte"
    content = bytearray(labels.read_bytes())
    content[8 + 7] = 200
    labels.write_bytes(content)
    with pytest.raises(GraphspecError, match=r"is 200 at row 7, the classes are 0 to 9"):
        load(spec("FashionMNIST"), fashion)
