"""``repeat`` of a block with as many outputs as inputs: each copy hands all of its values on."""

from __future__ import annotations

import pytest
import torch

import graphspec

SPEC = """
graphspec = 1
[inputs]
a = ["N", 4]
b = ["N", 4]
[layers]
{line}
diff = {{ type = "sub", from = ["{last}.low", "{last}.high"] }}
[blocks.Pair]
inputs  = ["left", "right"]
outputs = {{ low = "low", high = "high" }}
[blocks.Pair.layers]
fc   = {{ type = "Linear", from = "left", out_features = 4 }}
low  = {{ type = "add", from = ["fc", "right"] }}
high = {{ type = "mul", from = ["low", "right"] }}
"""


def by_hand(module: torch.nn.Module, names: list[str], a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    for name in names:
        low = module.get_submodule(name).fc(a) + b
        a, b = low, low * b
    return a - b


@pytest.mark.parametrize(
    ("line", "last", "names"),
    [
        ('pair = { type = "Pair", from = ["a", "b"], repeat = 3 }', "pair", ["pair.0", "pair.1", "pair.2"]),
        ('pair = { type = "Pair", from = { right = "b", left = "a" }, repeat = 2 }', "pair", ["pair.0", "pair.1"]),
        ('"pair${i}" = { type = "Pair", from = ["a", "b"], repeat = 2 }', "pair1", ["pair0", "pair1"]),
        ('pair = { type = "Pair", from = ["a", "b"], repeat = 3, if = "${i != 1}" }', "pair", ["pair.0", "pair.2"]),
    ],
)
def test_each_copy_takes_all_values_of_the_one_before(line: str, last: str, names: list[str]) -> None:
    module = graphspec.compile(SPEC.format(line=line, last=last))
    a, b = torch.randn(3, 4), torch.randn(3, 4)
    assert torch.equal(module(a, b), by_hand(module, names, a, b))


def test_a_block_with_fewer_outputs_hands_its_first_on_and_the_rest_stays() -> None:
    text = SPEC.format(line='pair = { type = "Pair", from = ["a", "b"], repeat = 2 }', last="pair")
    text = text.replace('{ low = "low", high = "high" }', '{ low = "low" }').replace(
        '["pair.low", "pair.high"]', '["pair", "a"]'
    )
    text = text.replace('high = { type = "mul", from = ["low", "right"] }', "")
    module = graphspec.compile(text)
    a, b = torch.randn(3, 4), torch.randn(3, 4)
    first = module.get_submodule("pair.0").fc(a) + b
    assert torch.equal(module(a, b), module.get_submodule("pair.1").fc(first) + b - a)
