"""An argument that torch takes as a number or as a list may come from an expression."""

from __future__ import annotations

from typing import Any

import pytest

import graphspec


@pytest.mark.parametrize(
    ("parts", "sizes"),
    [([3, 5], [3, 5]), ("${[3, 5] if wide else [4, 4]}", [3, 5]), ("${[3, 5] if not wide else [4, 4]}", [4, 4]),
     (4, [4, 4]), ("${2 * 3}", [6, 2]), ("${x.shape[1] // 2}", [4, 4]), (["${x.shape[1] - 5}", 5], [3, 5])],
    ids=str,
)  # fmt: skip
def test_split_takes_both(parts: Any, sizes: list[int]) -> None:
    layers = {"y": {"type": "split", "split_size_or_sections": parts, "dim": 1}}
    spec = {"graphspec": 1, "vars": {"wide": True}, "inputs": {"x": ["N", 8]}, "layers": layers}
    (layer,) = graphspec.shape(graphspec.load(spec)).layers
    assert [kind.shape[1] for kind in layer.outputs.values()] == sizes
