"""Decoded images kept between runs: by content, whole or made again."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from graphspec.data import DataSet, load, memory
from graphspec.data.place import DataPlace
from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.spec.data import DataSpec

SPEC: dict[str, Any] = {
    "dataset": {"type": "ImageFolder", "folder": "images"},
    "validation": 0.3,
    "batch_size": 2,
    "transforms": [{"type": "Resize", "size": [8, 8]}],
}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def read(root: Path, size: int = 8, kept: bool = True) -> DataSet:
    spec = DataSpec.model_validate({**SPEC, "transforms": [{"type": "Resize", "size": [size, size]}]})
    return load(spec, DataPlace(root, cache=root / "cache" if kept else None))


def everything(data: DataSet) -> torch.Tensor:
    return torch.cat(
        [batch.inputs["image"] for part in ("train", "validation") for batch in data.batches(part).in_order()]
    )


def names(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir() if path.suffix != ".lock"}


def test_without_a_named_folder_nothing_is_kept(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's default is the command line's alone."""
    monkeypatch.setenv("GRAPHSPEC_CACHE", str(images / "cache"))
    before = sorted(images.rglob("*"))
    read(images, kept=False)
    assert sorted(images.rglob("*")) == before


def test_an_entry_is_the_decoded_images_and_is_what_is_read(images: Path, cache: Path) -> None:
    first = everything(read(images))
    (entry,) = cache.glob("*.images")
    assert names(cache) == {entry.name, f"{entry.stem}.json"}
    assert entry.stat().st_size == 6 * 3 * 8 * 8
    assert torch.equal(everything(read(images)), first)
    # an entry of other pixels with the right hash: they come out, so nothing was decoded
    entry.write_bytes(bytes([7]) * entry.stat().st_size)
    note = json.loads(entry.with_suffix(".json").read_text())
    note["sha256"] = hashlib.sha256(entry.read_bytes()).hexdigest()
    entry.with_suffix(".json").write_text(json.dumps(note))
    assert everything(read(images)).mul(255).round().unique().tolist() == [7]


def test_the_key_is_content_not_time(images: Path, cache: Path) -> None:
    read(images)
    (entry,) = cache.glob("*.images")
    os.utime(images / "images/train/cat/1.png", (0, 0))
    read(images)
    assert list(cache.glob("*.images")) == [entry]
    path = images / "images/train/cat/1.png"
    times, size = path.stat(), path.stat().st_size
    Image.new("L", (21, 16), 42).save(path)
    assert path.stat().st_size == size
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # the same size and time, other pixels
    assert 42 in everything(read(images)).mul(255).round().unique().tolist()
    assert len(list(cache.glob("*.images"))) == 2


def test_other_sizes_are_another_entry(images: Path, cache: Path) -> None:
    assert read(images).train.inputs["image"].shape[-1] == 8
    assert read(images, 6).train.inputs["image"].shape[-1] == 6
    assert len(list(cache.glob("*.images"))) == 2


def flip(entry: Path) -> None:
    content = bytearray(entry.read_bytes())
    content[100] ^= 1
    entry.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "one bit": flip,
    "cut short": lambda entry: os.truncate(entry, 100),
    "empty": lambda entry: os.truncate(entry, 0),
    "note": lambda entry: entry.with_suffix(".json").write_text("{"),
    "shape": lambda entry: entry.with_suffix(".json").write_text(
        entry.with_suffix(".json").read_text().replace("[6,", "[3,")
    ),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_entry_is_made_again(damage: Callable[[Path], object], images: Path, cache: Path) -> None:
    first = everything(read(images))
    (entry,) = cache.glob("*.images")
    damage(entry)
    with pytest.warns(GraphspecWarning, match=r"\.images is damaged: its images are decoded again"):
        assert torch.equal(everything(read(images)), first)
    assert torch.equal(everything(read(images)), first)


@pytest.mark.parametrize("missing", [".images", ".json"])
def test_half_an_entry_is_none(missing: str, images: Path, cache: Path) -> None:
    first = everything(read(images))
    (entry,) = cache.glob("*.images")
    entry.with_suffix(missing).unlink()
    assert torch.equal(everything(read(images)), first)
    assert len(names(cache)) == 2


def test_nothing_is_left_of_images_that_cannot_be_decoded(images: Path, cache: Path) -> None:
    path = images / "images/train/dog/2.png"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(GraphspecError, match=r"dog/2\.png cannot be read as an image"):
        read(images)
    assert names(cache) == set()


def test_beyond_the_memory_the_file_stays_mapped(images: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resident = read(images)
    monkeypatch.setattr(memory, "budget", lambda: 0)
    mapped = read(images)
    assert mapped.train.streamed
    assert not resident.train.streamed
    for one, other in zip(mapped.batches("train").shuffled(3), resident.batches("train").shuffled(3), strict=True):
        assert torch.equal(one.inputs["image"], other.inputs["image"])
    assert mapped.fingerprint == read(images).fingerprint


def test_what_is_read_is_not_written_back(images: Path, cache: Path) -> None:
    read(images).train.inputs["image"].zero_()
    content = next(cache.glob("*.images")).read_bytes()
    read(images)
    assert next(cache.glob("*.images")).read_bytes() == content != bytes(len(content))


def test_a_cache_that_cannot_be_written_is_said(images: Path, cache: Path) -> None:
    cache.write_text("a file")
    with pytest.raises(GraphspecError, match=r"unwritable"):
        read(images)


def test_many_images_keep_their_order(tmp_path: Path, cache: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(100):
            Image.new("L", (8, 8), i).save(tmp_path / "images" / name / f"{i:03}.png")
    spec = DataSpec.model_validate({**SPEC, "validation": 0, "test": 0})
    assert load(spec, DataPlace(tmp_path, cache=cache)).train.inputs["image"][:, 0, 0, 0].tolist() == [
        *range(100),
        *range(100),
    ]


PROCESS = """
import sys
from pathlib import Path
from graphspec.data import load
from graphspec.data.place import DataPlace
from graphspec.spec.data import DataSpec
spec = {"dataset": {"type": "ImageFolder", "folder": "images"}, "transforms": [{"type": "Resize", "size": [8, 8]}]}
print(load(DataSpec.model_validate(spec), DataPlace(Path(sys.argv[1]), cache=Path(sys.argv[1]) / "cache")).fingerprint)
"""


@pytest.mark.slow
def test_of_several_processes_one_decodes(images: Path, cache: Path) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", PROCESS, str(images)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert len({process.communicate(timeout=120)[0] for process in running}) == 1
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(names(cache)) == 2
