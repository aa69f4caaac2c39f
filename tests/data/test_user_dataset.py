"""A data set class of the user's own, named by a spec once ``--import`` has run its file."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import graphspec
from graphspec.data import DataSet, load, memory
from graphspec.data.sources import user
from graphspec.diagnostics import GraphspecError
from graphspec.spec.data import DataSpec
from graphspec.system.own_parts import OwnParts


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user, "_classes", OwnParts(user._classes.kind, user._classes.taken))


class Pictures:
    """Pictures of sizes that differ, and a class."""

    classes = ["dark", "light"]

    def __init__(self, root: str, train: bool, count: int = 12, tone: str = "grey") -> None:
        self.root, self.count, self.tone = root, count if train else 4, tone

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: int) -> Any:
        return Image.new("RGB", (8 + row, 9), (row, 0, 0)), row % 2


class Fields:
    """Two inputs and two targets by name; nothing says which part."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def __len__(self) -> int:
        return 40

    def __getitem__(self, row: int) -> Any:
        inputs = {"x": np.full(3, self.scale * row), "words": torch.tensor([row, row])}
        return inputs, {"kind": row % 4, "value": float(row)}


def read(cls: type, folder: Path, /, transforms: list[Any] | None = None, **arguments: Any) -> DataSet:
    graphspec.dataset(cls)
    spec = {
        "dataset": {"type": cls.__name__, **arguments},
        "validation": 0.25,
        "batch_size": 4,
        "transforms": transforms or [],
    }
    return load(DataSpec.model_validate(spec), folder)


RESIZE = [{"type": "Resize", "size": [6, 6]}]


def test_pictures_are_resized_and_the_parts_asked_for(tmp_path: Path) -> None:
    data = read(Pictures, tmp_path, RESIZE)
    assert (len(data.train), data.train.inputs["input"].shape[1:]) == (9, (3, 6, 6))
    assert data.train.inputs["input"].dtype == torch.uint8
    assert data.classes == ("dark", "light")
    assert len(data.test.open()) == 4


def test_fields_by_name(tmp_path: Path) -> None:
    data = read(Fields, tmp_path, scale=2.0)
    assert {name: value.dtype for name, value in data.train.inputs.items()} == {
        "x": torch.float32,
        "words": torch.int64,
    }
    assert data.labels == {"kind": ("0", "1", "2", "3")}
    assert data.train.targets["value"].shape == (len(data.train), 1)
    assert torch.equal(data.train.inputs["x"][:, 0], 2 * data.train.targets["value"][:, 0])
    assert len(data.test.open()) == 8


@pytest.mark.parametrize(("cls", "transforms"), [(Pictures, RESIZE), (Fields, [])])
def test_beyond_the_memory_worker_processes_read_the_same(
    cls: type, transforms: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resident = read(cls, tmp_path, transforms)
    monkeypatch.setattr(memory, "budget", lambda: 0)
    streamed = read(cls, tmp_path, transforms)
    assert streamed.train.streamed
    state = torch.get_rng_state()
    for one, other in zip(streamed.batches("train").shuffled(1), resident.batches("train").shuffled(1), strict=True):
        for name, value in other.inputs.items():
            assert torch.equal(one.inputs[name], value)
        for name, value in other.targets.items():
            assert torch.equal(one.targets[name], value)
    assert torch.equal(torch.get_rng_state(), state)  # Dropout draws the same either way
    assert streamed.fingerprint == read(cls, tmp_path, transforms).fingerprint


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"coutn": 3}, r'unknown-argument.*Pictures has no argument "coutn"; did you mean "count"'),
        ({"count": "many"}, r"bad-value.*count must be a number"),
        ({"root": "etc"}, r'unknown-argument.*no argument "root"'),
        ({"train": False}, r'unknown-argument.*no argument "train"'),
        ({"count": 0}, r"no-data.*Pictures has no samples"),
    ],
)
def test_arguments_are_checked_by_the_signature(arguments: dict[str, Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=expected):
        read(Pictures, tmp_path, RESIZE, **arguments)


class Odd:
    """Its sample 3 is whatever the test says."""

    odd: Any = None

    def __init__(self, fails: bool = False) -> None:
        if fails:
            raise KeyError("no such thing")

    def __len__(self) -> int:
        return 5

    def __getitem__(self, row: int) -> Any:
        if row == 3 and isinstance(self.odd, Exception):
            raise self.odd
        return self.odd if row == 3 else (np.zeros(2, np.float32), 1)


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        (KeyError("x"), r"bad-data.*Odd\[3\] fails with KeyError: 'x' \(test_user_dataset\.py:\d+\)"),
        (
            (np.zeros(3, np.float32), 1),
            r"Odd\[3\] is input 3 float32, target scalar int64, Odd\[0\] is input 2 float32",
        ),
        ((np.zeros(2, np.float32), "red"), r"Odd\[3\] fails with TypeError: the target is a str"),
        (np.zeros(2), r"Odd\[3\] fails with TypeError: a sample is \(input, target\)"),
        ((np.array([1.0, np.nan], np.float32), 1), r'"input" of Odd\[3\] is not finite'),
        ((np.zeros(2, np.float32), -1), r'"target" of the training part is -1 at row 3'),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_what_is_wrong_with_a_sample_is_said(
    odd: Any, expected: str, streamed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Odd, "odd", odd)
    if streamed:
        monkeypatch.setattr(memory, "budget", lambda: 0)
    with pytest.raises(GraphspecError, match=expected):
        read(Odd, tmp_path)


class Dying(Fields):
    """A process that reads its rows from 5 on is killed, as by the system when memory is short."""

    parent = os.getpid()

    def __getitem__(self, row: int) -> Any:
        if row >= 5 and os.getpid() != self.parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(row)


def test_a_killed_worker_ends_the_run_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "budget", lambda: 0)
    data = read(Dying, tmp_path)
    with pytest.raises(GraphspecError, match=r"interrupted.*a process that reads Dying ended: DataLoader worker"):
        list(data.batches("train").shuffled(0))


def test_a_path_in_an_argument_stays_inside(tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=r"outside.*leads out of the working directory"):
        read(Pictures, tmp_path, RESIZE, tone="../secret")
    with pytest.raises(GraphspecError, match=r"outside.*leads out of the working directory"):
        read(Pictures, tmp_path, RESIZE, tone="/etc/passwd")


def test_a_constructor_that_fails_is_said(tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=r"bad-data.*Odd fails with KeyError: 'no such thing'"):
        read(Odd, tmp_path, fails=True)


@pytest.mark.parametrize(
    ("cls", "expected"),
    [(type("digits", (Fields,), {}), "digits is graphspec's name"), (type("Empty", (), {}), "with __len__ and")],
)
def test_what_can_be_no_data_set(cls: type, expected: str) -> None:
    with pytest.raises((TypeError, ValueError), match=expected):
        graphspec.dataset(cls)
