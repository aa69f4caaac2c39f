"""Data that cannot be trained on, each refused before the first step with the file and the row, nothing written.

The numbers are the catalogue's; ``run`` trains, so that what only a network makes wrong is found as well.
"""

from __future__ import annotations

import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from graphspec import pipeline
from graphspec.data import data_of, memory
from graphspec.data.decoded import decode
from graphspec.data.place import DataPlace
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.training.run.reporter import Silent

#: Writes files below a folder, and says which data set they are.
Make = Callable[[Path], dict[str, Any]]
RESIZE = [{"type": "Resize", "size": [8, 8]}]


def spec(dataset: Any, shape: list[int], outputs: int = 2, **more: Any) -> dict[str, Any]:
    """A linear classifier (or, by ``train``, anything else) on `dataset`."""
    layers = {"flatten": "Flatten"} if len(shape) > 1 else {}
    return {
        "graphspec": 1,
        "inputs": {"x": ["N", *shape]},
        "layers": {**layers, "out": {"type": "Linear", "out_features": outputs}},
        "data": {"dataset": dataset, "validation": 0, "batch_size": 2, **more.pop("data", {})},
        "train": {"epochs": 1, **more},
    }


def run(spec: dict[str, Any], root: Path, **more: Any) -> None:
    pipeline.train(spec, **{"run": root / "run", "data": root, "device": "cpu", "reporter": Silent(), **more})


def folder(root: Path, classes: dict[str, int], part: str = "train", mode: str = "RGB") -> dict[str, Any]:
    """An ImageFolder ``images`` with so many pictures a class, each of its own grey."""
    for label, (name, count) in enumerate(classes.items()):
        (root / "images" / part / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            image = Image.new("L", (8, 8), 60 * label + i).convert(mode)
            image.save(root / "images" / part / name / f"{i}.png")
    return {"type": "ImageFolder", "folder": "images"}


def spoiled(change: Callable[[Path], object], **classes: int) -> Make:
    """Two classes of three pictures in ``images/train``, after `change` to that folder."""

    def make(root: Path) -> dict[str, Any]:
        dataset = folder(root, classes or {"cat": 3, "dog": 3})
        change(root / "images" / "train")
        return dataset

    return make


def bomb(path: Path) -> None:
    """A PNG of 66 bytes that claims 30,000 × 30,000 pixels."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b""))]
    parts.append((b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in parts)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def npz(targets: tuple[str, ...] = ("y",), **arrays: Any) -> Make:
    classes = {"classes": arrays.pop("classes")} if "classes" in arrays else {}

    def make(root: Path) -> dict[str, Any]:
        np.savez(root / "a.npz", **arrays)
        return {"type": "npz", "file": "a.npz", "targets": list(targets), **classes}

    return make


def csv(text: str, target: str = "y", **more: Any) -> Make:
    def make(root: Path) -> dict[str, Any]:
        (root / "t.csv").write_text(text)
        return {"type": "csv", "file": "t.csv", "target": target, **more}

    return make


def other_classes(root: Path) -> dict[str, Any]:
    folder(root, {"cat": 2, "dog": 2})
    return folder(root, {"cat": 2, "wolf": 2}, "test")


X = np.arange(12, dtype=np.float32).reshape(6, 2)
LABELS = np.array([0, 1, 0, 1, 0, 1])


def with_value(value: float, row: int, column: int) -> np.ndarray:
    changed = X.copy()
    changed[row, column] = value
    return changed


def with_label(value: float, row: int = 3) -> np.ndarray:
    changed = LABELS.astype(float if isinstance(value, float) else np.int64)
    changed[row] = value
    return changed


IMAGES: dict[str, tuple[Make, str]] = {
    "117 missing folder": (
        lambda root: {"type": "ImageFolder", "folder": "images"},
        r"no-such-file.*images does not exist; --data DIR",
    ),
    "117 file instead": (
        lambda root: {"type": "ImageFolder", "folder": (root / "images").write_text("") * "" or "images"},
        r"no-such-file.*the image folder .*images is a file",
    ),
    "118 empty class folder": (
        spoiled(lambda top: (top / "bird").mkdir()),
        r"bad-data.*the class folder .*train/bird has no images",
    ),
    "119 no images": (spoiled(lambda top: None, cat=0, dog=0), r"bad-data.*class folder .*train/cat has no images"),
    "119 no class": (
        lambda root: (root / "images").mkdir() or {"type": "ImageFolder", "folder": "images"},
        r"bad-data.*images has no class folders",
    ),
    "119 one class": (spoiled(lambda top: None, cat=3), r'bad-data.*train has only the class "cat"'),
    "120 truncated image": (
        spoiled(lambda top: truncate(top / "cat/1.png")),
        r"bad-data.*train/cat/1\.png cannot be read as an image",
    ),
    "120 no image at all": (
        spoiled(lambda top: (top / "dog/2.png").write_text("hello")),
        r"bad-data.*train/dog/2\.png cannot be read as an image",
    ),
    "121 66 bytes claim 30,000 × 30,000": (spoiled(lambda top: bomb(top / "cat/1.png")), r"bad-data.*cat/1\.png"),
    "122 floating-point pixels": (
        spoiled(lambda top: Image.new("F", (8, 8), 0.5).save(top / "cat/1.tiff")),
        r"bad-data.*cat/1\.tiff has pixels of mode F",
    ),
    "123 mixed sizes": (
        spoiled(lambda top: Image.new("L", (9, 8)).save(top / "dog/1.png")),
        r"bad-data.*cat/0\.png is 8 × 8, .*dog/1\.png is 8 × 9; add .*Resize",
    ),
    "126 other classes in the test part": (other_classes, r'bad-data.*differ in their classes: "dog", "wolf"'),
}


@pytest.mark.parametrize(("make", "expected"), IMAGES.values(), ids=IMAGES.keys())
def test_image_folders(make: Make, expected: str, tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=expected):
        run(spec(make(tmp_path), [3, 8, 8]), tmp_path)
    assert not (tmp_path / "run").exists()


ROWS: dict[str, tuple[Make, str]] = {
    "127 label -1": (npz(x=X, y=with_label(-1)), r'bad-data.*"y" is -1 at row 3, and classes count from 0'),
    "127 label -100": (npz(x=X, y=with_label(-100)), r'bad-data.*"y" is -100 at row 3.*ignore_index = -100'),
    "127 label 7 of 3": (
        npz(x=X, y=with_label(7), classes=3),
        r'bad-data.*"y" of the training part is 7 at row 3, the classes are 0 to 2',
    ),
    "127 label 7 after 1": (
        npz(x=X, y=with_label(7)),
        r'"y" is 7 at row 3, and no label is 2; .*classes = 8',
    ),
    "127 position 255 after 1": (
        npz(x=X[:, :, None], y=np.where(np.arange(6)[:, None] == 3, 255, LABELS[:, None] * [1, 1])),
        r'"y" is 255 at row 3, and no label is 2; .*; ignore_index = 255 in \[train\] loss',
    ),
    "127 label 1.5": (npz(x=X, y=with_label(1.5), classes=2), r'bad-data.*"y" is 1\.5 at row 3, which is no class'),
    "127 label 1.5 in a table": (
        csv("a,y\n1,0\n2,1\n3,1.5\n", classes=True),
        r'bad-data.*t\.csv, row 4, column "y": 1\.5 is no whole number',
    ),
    "127 no label": (csv("a,y\n1,red\n2,\n3,blue\n"), r'bad-data.*t\.csv, row 3, column "y": a missing value'),
    "128 NaN": (npz(x=with_value(np.nan, 4, 1), y=LABELS), r'bad-data.*"x" of the training part.*row 4, column 1'),
    "128 infinity": (npz(x=with_value(np.inf, 0, 0), y=LABELS), r'bad-data.*"x".*not finite at row 0, column 0'),
    "128 NaN in a table": (csv("a,b,y\n1,2,u\n3,nan,v\n"), r'bad-data.*t\.csv, row 3, column "b": "nan" is no finite'),
    "128 infinity in a table": (csv("a,b,y\n1,2,u\n3,inf,v\n"), r'bad-data.*row 3, column "b": "inf" is no finite'),
    "128 after an empty line": (csv("a,b,y\n1,2,u\n\n3,nan,v\n"), r'bad-data.*t\.csv, row 4, column "b"'),
    "129 ragged": (csv("a,b,y\n1,2,u\n3,v\n"), r"bad-data.*t\.csv, row 3: 2 fields, the header has 3"),
    "129 wrong header": (csv("a,b,z\n1,2,u\n"), r'bad-data.*t\.csv has no column "y"; .*a, b, z'),
    "129 empty": (csv(""), r"no-data.*t\.csv has no rows"),
    "129 header alone": (csv("a,b,y\n"), r"no-data.*t\.csv has no rows"),
    "129 10^6 columns": (csv(",".join(map(str, range(10**6)))), r"too-large.*t\.csv has 1,000,000 columns"),
    "130 pickle in an array": (npz(x=X, y=np.array([None] * 6)), r"bad-data.*a\.npz cannot be read as arrays.*pickle"),
    "132 fewer rows than a batch": (
        npz(x=X[:1], y=LABELS[:1], classes=2),
        r"no-data.*batch_size 2 is more than the 1",
    ),
    "133 (4,) against (4, 1)": (npz(x=X, y=X[:, 0]), r"CrossEntropyLoss is for classes"),
}


@pytest.mark.parametrize(("make", "expected"), ROWS.values(), ids=ROWS.keys())
def test_rows(make: Make, expected: str, tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=expected):
        run(spec(make(tmp_path), [2]), tmp_path)
    assert not (tmp_path / "run").exists()


def test_values_of_another_shape(tmp_path: Path) -> None:
    """A network whose output is N, where the targets are N × 1."""
    network = spec(npz(x=X, y=X[:, 0])(tmp_path), [2], outputs=1, loss="MSELoss")
    network["layers"]["flat"] = {"type": "flatten", "start_dim": 0}
    with pytest.raises(GraphspecError, match=r"shape-mismatch.*the output is N, the targets of npz are N × 1"):
        run(network, tmp_path)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"validation": 0.99}, r"no-data.*validation = 0\.99 leaves no samples to train on"),
        ({"batch_size": 7}, r"no-data.*batch_size 7 is more than the 6 training samples"),
    ],
)
def test_nothing_to_train_on(data: dict[str, Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=expected):
        run(spec(npz(x=X, y=LABELS)(tmp_path), [2], data={"test": 0, **data}), tmp_path)


def test_a_last_batch_of_one(tmp_path: Path) -> None:
    network = spec(npz(x=X[:5], y=LABELS[:5])(tmp_path), [2], data={"test": 0})
    network["layers"] = {"norm": "BatchNorm1d"} | network["layers"]
    with pytest.raises(GraphspecError, match=r"batch-of-one.*5 samples in batches of 2.*drop_last = true"):
        run(network, tmp_path)
    network["data"]["drop_last"] = True
    run(network, tmp_path)


def test_a_sample_in_two_parts(tmp_path: Path) -> None:
    same = npz(x=np.zeros((6, 2), np.float32), y=LABELS)(tmp_path)
    with pytest.warns(GraphspecWarning, match=r"bad-data.*3 validation samples also stand in the training part"):
        run(spec(same, [2], data={"validation": 0.5, "test": 0}), tmp_path)


@pytest.mark.parametrize("cached", [False, True])
def test_a_picture_in_two_parts_of_data_that_stay_on_disk(
    cached: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four copies of one picture in each class, of which a quarter is split off."""
    dataset = folder(tmp_path, {"cat": 4, "dog": 4})
    for kind in ("cat", "dog"):
        first, *others = sorted((tmp_path / "images/train" / kind).iterdir())
        for other in others:
            shutil.copy(first, other)
    monkeypatch.setattr(memory, "budget", lambda: 0)
    network = spec(dataset, [3, 8, 8], data={"validation": 0.25})
    with pytest.warns(GraphspecWarning, match=r"bad-data.*2 validation samples also stand in the training part"):
        run(network, tmp_path, data=DataPlace(tmp_path, cache=tmp_path / "cache" if cached else None))


def test_data_changed_since_the_run_began(tmp_path: Path) -> None:
    network = spec(npz(x=X, y=LABELS)(tmp_path), [2], data={"test": 0})
    run(network, tmp_path)
    npz(x=with_value(0.5, 0, 0), y=LABELS)(tmp_path)
    with pytest.raises(GraphspecError, match=r"checkpoint-mismatch.*the training data changed since the run began"):
        run(network, tmp_path, resume=True, epochs=2)


def test_every_mode_becomes_rgb(tmp_path: Path) -> None:
    """A grey of 100 in each mode; alpha goes, CMYK is inverted, 16 bits are scaled."""
    grey = Image.new("L", (4, 4), 100)
    files = {f"{mode}.png": grey.convert(mode) for mode in ("L", "LA", "RGB", "RGBA", "P")}
    files |= {"CMYK.jpg": Image.merge("CMYK", [Image.new("L", (4, 4), value) for value in (155, 155, 155, 0)])}
    files |= {"16.png": Image.fromarray(np.full((4, 4), 100 << 8, np.uint16)), "1.png": Image.new("1", (4, 4), 1)}
    for name, image in files.items():
        image.save(tmp_path / name)
        pixels = decode(str(tmp_path / name))
        assert (pixels.dtype, pixels.shape) == (torch.uint8, (3, 4, 4))
        assert pixels.unique().tolist() == [255 if name == "1.png" else 100], name


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    """Two links to the folder above: followed, each level would double the pictures."""
    dataset = folder(tmp_path, {"cat": 2, "dog": 2})
    for name in ("a", "b"):
        (tmp_path / "images/train/cat" / name).symlink_to(tmp_path / "images/train")
    with pytest.warns(GraphspecWarning, match=r"symbolic links are not followed: .*cat/a and 1 more"):
        found = data_of(spec(dataset, [3, 8, 8]), tmp_path)
    assert len(found.train) + len(found.test.open()) == 4


@pytest.mark.parametrize("make", [npz(x=X, y=LABELS), csv("a,y\n1,0\n")], ids=["npz", "csv"])
def test_arrays_beyond_the_memory_are_refused_before_they_are_read(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 8)
    with pytest.raises(GraphspecError, match=r"too-much-memory.*needs \d+ bytes of memory, a data set may take 4 here"):
        data_of(spec(make(tmp_path), [2]), tmp_path)


def test_hidden_folders_are_no_classes(tmp_path: Path) -> None:
    dataset = folder(tmp_path, {"cat": 2, "dog": 2, ".git": 2})
    assert data_of(spec(dataset, [3, 8, 8]), tmp_path).classes == ("cat", "dog")
