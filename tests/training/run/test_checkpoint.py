"""A checkpoint is whole or it is not used."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from graphspec.diagnostics import GraphspecError, GraphspecWarning
from graphspec.training.run import checkpoint
from graphspec.training.run.state_tree import pack, unpack


def state(step: int) -> dict[str, Any]:
    return {"step": step, "weights": {"w": torch.full((3,), float(step))}, "betas": (0.9, 0.999), 0: [None, True]}


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@pytest.mark.parametrize(
    "value",
    [
        1,
        0.1 + 0.2,
        float("inf"),
        None,
        "é",
        (1, (2, [3])),
        {0: {"a": torch.arange(3)}, "b": torch.zeros(0)},
        {"same": [torch.ones(2, dtype=torch.bfloat16)]},
        {"$": "tensor", "name": "not one"},
    ],
)
def test_what_is_packed_comes_back(value: Any) -> None:
    tensors: dict[str, torch.Tensor] = {}
    text = json.dumps(pack(value, tensors))
    assert same(unpack(json.loads(text), tensors), value)


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match=r"state\.f: a function cannot be saved"):
        pack({"f": lambda: None}, {})


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        checkpoint.save(tmp_path, step, state(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"step-{step:010d}.{kind}" for step in (10, 100) for kind in ("json", "safetensors")
    ]
    assert same(checkpoint.load(tmp_path), state(100))


def test_nothing_was_written(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path / "checkpoints") is None


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a bit of the tensors": lambda path: flip(path.with_suffix(".safetensors")),
    "a bit of the manifest": lambda path: flip(path.with_suffix(".json")),
    "truncated tensors": lambda path: path.with_suffix(".safetensors").write_bytes(b"\0" * 10),
    "no tensors": lambda path: path.with_suffix(".safetensors").unlink(),
    "empty manifest": lambda path: path.with_suffix(".json").write_bytes(b""),
    "a stranger's pickle": lambda path: path.with_suffix(".safetensors").write_bytes(pickle.dumps({"x": 1})),
    "another's manifest": lambda path: path.with_suffix(".json").write_text('{"sha256": "0", "body": 3}'),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_one_gives_way_to_the_one_before(damage: Callable[[Path], object], tmp_path: Path) -> None:
    for step in (1, 2):
        checkpoint.save(tmp_path, step, state(step))
    damage(tmp_path / "step-0000000002")
    with pytest.warns(GraphspecWarning, match=r"checkpoint-damaged.*step 2 is damaged"):
        assert same(checkpoint.load(tmp_path), state(1))


def test_when_all_are_damaged_nothing_starts_over(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, state(1))
    flip(tmp_path / "step-0000000001.safetensors")
    with pytest.warns(GraphspecWarning), pytest.raises(GraphspecError, match=r"every checkpoint in .* is damaged"):
        checkpoint.load(tmp_path)
