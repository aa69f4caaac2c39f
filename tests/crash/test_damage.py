"""Damage to a checkpoint, wherever it falls: it never loads silently, and the one before it is used.

benchmarks/campaigns/damage.py does the same with 2,000 flips and every length.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from graphspec.diagnostics import GraphspecWarning
from graphspec.training.run import checkpoint

FLIPS, LENGTHS = 150, 60


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The newer of two checkpoints, without its suffix; a name that is not ASCII makes the JSON escape it."""
    for step in (1, 2):
        state = {"step": step, "spec": {"name": "caf\u00e9"}, "weights": torch.full((40, 3), float(step))}
        checkpoint.save(tmp_path, step, state)
    return tmp_path / "step-0000000002"


def assert_the_older_one_is_used(folder: Path) -> None:
    with pytest.warns(GraphspecWarning, match="step 2 is damaged .*the one before it is used"):
        found = checkpoint.load(folder)
    assert found is not None
    assert (found["step"], float(found["weights"].max())) == (1, 1.0)


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_any_bit(suffix: str, saved: Path) -> None:
    draw, path = random.Random(0), saved.with_suffix(suffix)
    whole = path.read_bytes()
    for _ in range(FLIPS):
        content = bytearray(whole)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        assert_the_older_one_is_used(saved.parent)


def test_a_bit_that_leaves_the_json_s_meaning(saved: Path) -> None:
    """The case of a hexadecimal digit in an escape; even that is no file that graphspec wrote."""
    path = saved.with_suffix(".json")
    whole = path.read_bytes()
    assert whole.count(b"u00e9") == 1
    path.write_bytes(whole.replace(b"u00e9", b"u00E9"))
    assert_the_older_one_is_used(saved.parent)


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_any_length(suffix: str, saved: Path) -> None:
    path = saved.with_suffix(suffix)
    whole = path.read_bytes()
    for length in {0, 1, len(whole) - 1, *random.Random(0).sample(range(len(whole)), LENGTHS)}:
        path.write_bytes(whole[:length])
        assert_the_older_one_is_used(saved.parent)
    path.write_bytes(whole + b"\0")
    assert_the_older_one_is_used(saved.parent)
