"""A network that takes no batch of one is exported, with the least batch that it takes beside an ordinary one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphspec import compiler
from graphspec.exporting.bundle.golden import write_golden
from graphspec.exporting.capture import eval_network
from graphspec.exporting.reference import Reference


def test_halves_of_a_batch_are_drawn_from_two_on(tmp_path: Path) -> None:
    halves = {"a": {"type": "chunk", "chunks": 2, "dim": 0}, "y": {"type": "cat", "from": ["a.1", "a.0"], "dim": 0}}
    network = eval_network(compiler.load({"graphspec": 1, "inputs": {"x": ["N", 4]}, "layers": halves}))
    assert network.shaped.dims["N"][0] == 2
    write_golden(tmp_path / "golden.npz", Reference(network), None)
    with np.load(tmp_path / "golden.npz") as found:
        assert found["1.input.x"].shape == (2, 4)
