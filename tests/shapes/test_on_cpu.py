"""What is tried on numbers says of dtypes what torch says, and nothing of the numbers."""

from __future__ import annotations

import pytest
import torch

from graphspec import compiler


@pytest.mark.parametrize("function", ["floor_divide", "remainder", "fmod"])
def test_whole_numbers_are_divided_by_whole_numbers(function: str) -> None:
    """The trial divides by 0, which only floats can be."""
    whole = {"shape": ["N", 4], "dtype": "int64"}
    spec = {"graphspec": 1, "inputs": {"a": whole, "b": whole}, "layers": {"y": {"type": function, "from": ["a", "b"]}}}
    network = compiler.load(spec)
    a, b = torch.tensor([[7, -7, 9, 0]]), torch.tensor([[2, 2, -4, 5]])
    assert torch.equal(network.build()(a, b), getattr(torch, function)(a, b))
