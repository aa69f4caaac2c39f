"""What is tried on numbers says of dtypes what torch says, and nothing of the numbers."""

from __future__ import annotations

import pytest
import torch

from graphspec import compiler
from graphspec.diagnostics import GraphspecError


@pytest.mark.parametrize("function", ["floor_divide", "remainder", "fmod"])
def test_whole_numbers_are_divided_by_whole_numbers(function: str) -> None:
    """The trial divides by 0, which only floats can be."""
    whole = {"shape": ["N", 4], "dtype": "int64"}
    spec = {"graphspec": 1, "inputs": {"a": whole, "b": whole}, "layers": {"y": {"type": function, "from": ["a", "b"]}}}
    network = compiler.load(spec)
    a, b = torch.tensor([[7, -7, 9, 0]]), torch.tensor([[2, 2, -4, 5]])
    assert torch.equal(network.build()(a, b), getattr(torch, function)(a, b))


@pytest.mark.parametrize("function", ["bitwise_not", "bitwise_and", "bitwise_or", "bitwise_xor"])
def test_floats_have_no_bits(function: str) -> None:
    inputs = {"a": ["N", 4], "b": ["N", 4]}
    line = {"type": function, "from": ["a", "b"] if function != "bitwise_not" else "a"}
    layers = {"y": line, "z": {"type": "abs", "from": "b"}}
    with pytest.raises(GraphspecError, match=r'layer "y": .*(bitwise|not implemented)'):
        compiler.load({"graphspec": 1, "inputs": inputs, "layers": layers, "outputs": {"y": "y", "z": "z"}}).shaped  # noqa: B018
