"""Functions with a number for an operand give what torch gives with that number: whole numbers stay whole."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import graphspec
from graphspec.diagnostics import GraphspecError

#: How each function is called with a number in torch itself, and the argument's name in a spec.
FUNCTIONS: dict[str, tuple[str, Callable[[Tensor, Any], Tensor]]] = {
    **{name: ("other", getattr(torch, name)) for name in "add sub mul div eq ne lt le gt ge".split()},
    "pow": ("exponent", torch.pow),
    "clamp, min": ("min", lambda x, number: torch.clamp(x, min=number)),
    "clamp, max": ("max", lambda x, number: torch.clamp(x, max=number)),
}
DTYPES = ["int64", "int32", "int8", "uint8", "bool", "float16", "float32", "float64"]
NUMBERS = [0, 2, -1, 3.0, 0.5, 16777216, 2**24 + 1, 2**53 + 1]
#: Values about which whole numbers and floats differ.
VALUES = [0, 1, 3, 7, 100, 2**24, 2**24 + 1, 2**31 - 1, 2**53, 2**53 + 1]


def spec(name: str, number: Any, dtype: str) -> dict[str, Any]:
    inputs = {"x": {"shape": ["N"], "dtype": dtype}}
    return {"graphspec": 1, "inputs": inputs, "layers": {"y": {"type": name.split(",")[0], FUNCTIONS[name][0]: number}}}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_dtypes_are_torchs(name: str, dtype: str) -> None:
    kind = getattr(torch, dtype)
    greatest = torch.iinfo(kind).max if kind not in (torch.bool,) and not kind.is_floating_point else 2**60
    values = torch.tensor([value for value in VALUES if value <= greatest], dtype=torch.int64).to(kind)
    for number in NUMBERS:
        try:
            expected = FUNCTIONS[name][1](values, number)
        except RuntimeError:
            with pytest.raises(GraphspecError):
                graphspec.compile(spec(name, number, dtype))
            continue
        module = graphspec.compile(spec(name, number, dtype))
        found = module(values)
        (stated,) = graphspec.shape(graphspec.load(spec(name, number, dtype))).output_types.values()
        assert found.dtype == expected.dtype == stated.dtype, number
        assert torch.equal(found.nan_to_num(), expected.nan_to_num()), number


def test_ids_that_are_held_within_a_table_are_looked_up() -> None:
    layers = {"safe": {"type": "clamp", "min": 0, "max": 9},
              "rows": {"type": "Embedding", "num_embeddings": 10, "embedding_dim": 3}}  # fmt: skip
    ids = {"ids": {"shape": ["N", "T"], "dtype": "int64"}}
    module = graphspec.compile({"graphspec": 1, "inputs": ids, "layers": layers})
    assert module(torch.tensor([[-5, 3, 2**40]])).shape == (1, 3, 3)


@pytest.mark.parametrize(("name", "number"), [*itertools.product(["clamp, min", "pow", "gt", "div"], [2, 0.5])])
def test_a_scripted_module_takes_the_number_as_it_is(name: str, number: float) -> None:
    module = graphspec.compile(spec(name, number, "int64"))
    values = torch.tensor([1, 2**24 + 1])
    assert torch.equal(torch.jit.script(module)(values), module(values))


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8", "uint8"])
@pytest.mark.parametrize("name", ["round", "floor", "ceil", "trunc"])
def test_whole_numbers_are_rounded_to_themselves(name: str, dtype: str) -> None:
    inputs = {"x": {"shape": ["N"], "dtype": dtype}}
    module = graphspec.compile({"graphspec": 1, "inputs": inputs, "layers": {"y": name}})
    values = torch.tensor([0, 1, 100], dtype=getattr(torch, dtype))
    assert torch.equal(module(values), values)
    assert module(values).dtype == values.dtype
