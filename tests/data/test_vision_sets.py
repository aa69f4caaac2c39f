"""torchvision's sets: parts and arguments by the live signatures, and small files in their real formats."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import torch
from PIL import Image
from torchvision import datasets

from graphspec.data import DataSet, load
from graphspec.data.sources.builtin import SOURCES
from graphspec.data.sources.idx import CLASSES
from graphspec.data.sources.torchvision_sets import _NOT_OF_THE_SPEC, VISION_SETS
from graphspec.diagnostics import GraphspecError
from graphspec.spec.data import DataSpec

RANDOM = np.random.default_rng(0)
RESIZE = [{"type": "Resize", "size": [8, 8]}]


def read(name: str, root: Path, transforms: Any = (), **arguments: Any) -> DataSet:
    spec = {"dataset": {"type": name, **arguments}, "validation": 0, "transforms": list(transforms)}
    return load(DataSpec.model_validate(spec), root)


@pytest.mark.parametrize("name", VISION_SETS)
def test_torchvision_knows_the_parts(name: str) -> None:
    """The constructor has the argument, and takes its value: what it then says is that there are no files."""
    cls, asked = getattr(datasets, name), VISION_SETS[name]
    parameters = inspect.signature(cls).parameters
    for part in (asked.train, asked.test or {}):
        assert all(key in parameters or "kwargs" in parameters for key in part)


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("name", VISION_SETS)
def test_an_empty_root_is_said(name: str, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VISION_SETS, name, VISION_SETS[name])
    asked = VISION_SETS[name]
    if part == "test":
        source = SOURCES[name]
        monkeypatch.setattr(source, "asked", type(asked)(asked.test or {}, asked.train, asked.arrays))
    with pytest.raises(GraphspecError, match=rf"no-data.*(no {name} under .*--download fetches it|needs h5py)"):
        read(name, tmp_path, **({"split": "letters"} if name == "EMNIST" else {}))
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def arguments(name: str) -> set[str]:
    return set(inspect.signature(SOURCES[name]).parameters) - {"place", "resize"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MNIST", set()), ("EMNIST", {"split"}), ("QMNIST", {"what", "compat"}), ("STL10", {"folds"}),
        ("DTD", {"partition"}), ("Places365", {"small"}), ("Imagenette", {"size"}),
        ("FGVCAircraft", {"annotation_level"}), ("Flowers102", set()), ("ImageNet", set()),
    ],
)  # fmt: skip
def test_a_spec_gives_the_other_arguments(name: str, expected: set[str]) -> None:
    assert arguments(name) == expected


@pytest.mark.parametrize("name", CLASSES)
def test_sets_read_without_torchvision_are_asked_for_like_torchvisions(name: str) -> None:
    free = set(inspect.signature(getattr(datasets, name)).parameters) - _NOT_OF_THE_SPEC - set(VISION_SETS[name].train)
    assert free == arguments(name) == set()
    assert CLASSES[name] == tuple(getattr(datasets, name).classes)


def idx(path: Path, values: np.ndarray) -> None:
    header = bytes([0, 0, 8, values.ndim]) + b"".join(int(size).to_bytes(4, "big") for size in values.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


def idx_set(folder: Path, prefix: tuple[str, str]) -> None:
    for stem, count in zip(prefix, (30, 10), strict=True):
        idx(folder / f"{stem}-images-idx3-ubyte", RANDOM.integers(0, 256, (count, 28, 28)))
        idx(folder / f"{stem}-labels-idx1-ubyte", np.arange(count) % 10)


def kmnist(root: Path, patch: pytest.MonkeyPatch) -> None:
    idx_set(root / "KMNIST/raw", ("train", "t10k"))


def emnist(root: Path, patch: pytest.MonkeyPatch) -> None:
    for split in ("byclass", "bymerge", "balanced", "letters", "digits", "mnist"):
        idx_set(root / "EMNIST/raw", (f"emnist-{split}-train", f"emnist-{split}-test"))


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def svhn(root: Path, patch: pytest.MonkeyPatch) -> None:
    listed = {}
    for part, count in (("train", 30), ("test", 10)):
        path = root / f"{part}_32x32.mat"
        pixels, labels = RANDOM.integers(0, 256, (32, 32, 3, count), dtype=np.uint8), np.arange(count) % 10 + 1
        scipy.io.savemat(path, {"X": pixels, "y": labels[:, None]})
        listed[part] = ["", path.name, md5(path)]
    patch.setattr(datasets.SVHN, "split_list", listed)


def stl10(root: Path, patch: pytest.MonkeyPatch) -> None:
    folder, listed = root / "stl10_binary", {}
    folder.mkdir()
    (folder / "class_names.txt").write_text("\n".join("airplane bird car cat deer dog horse monkey ship truck".split()))
    for part, count in (("train", 30), ("test", 10)):
        (folder / f"{part}_X.bin").write_bytes(RANDOM.integers(0, 256, (count, 3, 96, 96), dtype=np.uint8).tobytes())
        (folder / f"{part}_y.bin").write_bytes((np.arange(count) % 10 + 1).astype(np.uint8).tobytes())
        listed[part] = [[name, md5(folder / name)] for name in (f"{part}_X.bin", f"{part}_y.bin")]
    unlabelled = folder / "unlabeled_X.bin"
    unlabelled.write_bytes(b"")
    listed["train"].append([unlabelled.name, md5(unlabelled)])
    patch.setattr(datasets.STL10, "train_list", listed["train"])
    patch.setattr(datasets.STL10, "test_list", listed["test"])


ARRAYS: dict[str, tuple[Callable[[Path, pytest.MonkeyPatch], None], dict[str, Any], tuple[int, ...]]] = {
    "KMNIST": (kmnist, {}, (1, 28, 28)),
    "EMNIST": (emnist, {"split": "digits"}, (1, 28, 28)),
    "SVHN": (svhn, {}, (3, 32, 32)),
    "STL10": (stl10, {}, (3, 96, 96)),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_what_torchvision_reads(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, arguments, shape = ARRAYS[name]
    make(tmp_path, monkeypatch)
    data = read(name, tmp_path, **arguments)
    asked = VISION_SETS[name]
    for samples, part in ((data.train, asked.train), (data.test.open(), asked.test)):
        theirs: Any = getattr(datasets, name)(tmp_path, **arguments, **part)
        assert samples.inputs["image"].shape == (len(theirs), *shape)
        for row in (0, len(theirs) - 1):
            picture, label = theirs[row]
            pixels = torch.from_numpy(np.atleast_3d(np.array(picture))).permute(2, 0, 1)
            assert torch.equal(samples.inputs["image"][row], pixels)
            assert samples.targets["label"][row] == label
    assert data.classes is not None
    assert len(data.classes) == 10


def picture(path: Path, grey: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9 + grey % 3, 10), (grey, grey, grey)).save(path)


def eurosat(root: Path) -> None:
    for label, name in enumerate(("AnnualCrop", "Forest", "River")):
        for i in range(4):
            picture(root / "eurosat/2750" / name / f"{name}_{i}.png", 10 * label + i)


def food101(root: Path) -> None:
    for part, count in (("train", 3), ("test", 2)):
        listed = {name: [f"{name}/{part}{i}" for i in range(count)] for name in ("apple_pie", "waffles")}
        (root / "food-101/meta").mkdir(parents=True, exist_ok=True)
        (root / f"food-101/meta/{part}.json").write_text(json.dumps(listed))
        for label, names in enumerate(listed.values()):
            for i, name in enumerate(names):
                picture(root / f"food-101/images/{name}.jpg", 50 * label + i)


def pets(root: Path) -> None:
    folder = root / "oxford-iiit-pet"
    (folder / "annotations/trimaps").mkdir(parents=True)
    for part, count in (("trainval", 3), ("test", 2)):
        rows = [
            f"{breed}_{part}{i} {label + 1} 1 1" for label, breed in enumerate(("beagle", "pug")) for i in range(count)
        ]
        (folder / f"annotations/{part}.txt").write_text("\n".join(rows))
        for i, row in enumerate(rows):
            picture(folder / f"images/{row.split()[0]}.jpg", 20 * i)


def gtsrb(root: Path) -> None:
    for label in (0, 1):
        for i in range(3):
            path = root / f"gtsrb/GTSRB/Training/{label:05}/{i}.ppm"
            picture(path, 20 * i + label)
    (root / "gtsrb/GTSRB/Final_Test/Images").mkdir(parents=True)
    for i in range(2):
        picture(root / f"gtsrb/GTSRB/Final_Test/Images/{i}.ppm", i)
    (root / "gtsrb/GT-final_test.csv").write_text("Filename;Width;ClassId\n0.ppm;9;1\n1.ppm;9;0\n")


def imagenette(root: Path) -> None:
    for part, count in (("train", 3), ("val", 2)):
        for label, wnid in enumerate(("n01440764", "n02102040")):
            for i in range(count):
                picture(root / "imagenette2-160" / part / wnid / f"{wnid}_{i}.JPEG", 30 * label + i)


FILES: dict[str, tuple[Callable[[Path], None], dict[str, Any], int]] = {
    "EuroSAT": (eurosat, {}, 3),
    "Food101": (food101, {}, 2),
    "OxfordIIITPet": (pets, {}, 2),
    "GTSRB": (gtsrb, {}, 2),
    "Imagenette": (imagenette, {"size": "160px"}, 2),
}


@pytest.mark.parametrize("name", FILES)
def test_files_are_what_torchvision_reads(name: str, tmp_path: Path) -> None:
    from torchvision.transforms.v2.functional import resize

    make, arguments, classes = FILES[name]
    make(tmp_path)
    data = read(name, tmp_path, RESIZE, **arguments)
    assert data.classes is not None
    assert len(data.classes) == classes
    asked = VISION_SETS[name]
    if asked.test is None:
        assert len(data.train) + len(data.test.open()) == 12
        return
    for samples, part in ((data.train, asked.train), (data.test.open(), asked.test)):
        theirs = getattr(datasets, name)(tmp_path, **arguments, **part)
        assert samples.targets["label"].tolist() == [label for _, label in theirs]
        for row, (image, _) in enumerate(theirs):
            pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
            assert torch.equal(samples.inputs["image"][row], resize(pixels, [8, 8]))
