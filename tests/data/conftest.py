"""Tiny data sets in their real on-disk formats, so that the real loaders run."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets


def write_idx(path: Path, values: np.ndarray) -> None:
    """An uint8 array as an IDX file, the format of MNIST and its kin: magic number, sizes big-endian, bytes."""
    header = bytes([0, 0, 8, values.ndim]) + b"".join(int(size).to_bytes(4, "big") for size in values.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


@pytest.fixture
def fashion(tmp_path: Path) -> Path:
    """A root with Fashion-MNIST's four files: 60 training and 20 test images of random pixels."""
    random = np.random.default_rng(0)
    raw = tmp_path / "FashionMNIST" / "raw"
    for stem, count in (("train", 60), ("t10k", 20)):
        write_idx(raw / f"{stem}-images-idx3-ubyte", random.integers(0, 256, (count, 28, 28)))
        write_idx(raw / f"{stem}-labels-idx1-ubyte", np.arange(count) % 10)
    return tmp_path


@pytest.fixture
def cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with CIFAR-10's batches of 4 images each; the list of md5 sums is that of these files."""
    random = np.random.default_rng(0)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()

    def write(name: str, content: object) -> str:
        (folder / name).write_bytes(pickle.dumps(content))
        return hashlib.md5((folder / name).read_bytes()).hexdigest()

    def batch() -> dict[str, object]:
        return {"data": random.integers(0, 256, (4, 3072), dtype=np.uint8), "labels": [0, 3, 6, 9]}

    training = [[name := f"data_batch_{i}", write(name, batch())] for i in range(1, 6)]
    meta = {"label_names": "airplane automobile bird cat deer dog frog horse ship truck".split()}
    monkeypatch.setattr(datasets.CIFAR10, "train_list", training)
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", write("test_batch", batch())]])
    monkeypatch.setattr(datasets.CIFAR10, "meta", datasets.CIFAR10.meta | {"md5": write("batches.meta", meta)})
    return tmp_path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A root with an ImageFolder ``images``: two classes, six training and four test pictures of various modes."""
    modes = ("RGB", "L", "RGBA")
    for part, count in (("train", 3), ("test", 2)):
        for label, grey in (("cat", 40), ("dog", 200)):
            folder = tmp_path / "images" / part / label
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new("L", (20 + i, 16), grey + i).convert(modes[i]).save(folder / f"{i}.png")
    return tmp_path
