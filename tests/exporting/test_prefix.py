"""Networks cut off behind a layer, and the layer behind which something fails."""

from __future__ import annotations

import pytest
import torch

from graphspec import compiler
from graphspec.exporting.prefix import first_that, giving

SPEC = """
graphspec = 1
[inputs]
x = ["N", 6]
[layers]
one   = { type = "Linear", out_features = 6 }
parts = { type = "split", split_size_or_sections = 2, dim = 1 }
left  = { type = "Linear", out_features = 3, from = "parts.0" }
right = { type = "Linear", out_features = 3, from = "parts.2" }
sum   = { type = "add", from = ["left", "right"] }
last  = "ReLU"
"""


@pytest.fixture(scope="module")
def network():
    return compiler.load(SPEC, seed=1)


def has(part, name):
    return any(node.target == name for node in part.module.graph.nodes)


def test_a_part_has_the_layers_that_its_outputs_need(network):
    part = giving(network, ["right", "left"])
    assert [name for name in ("one", "parts", "left", "right", "sum", "last") if has(part, name)] == [
        "one", "parts", "left", "right",
    ]  # fmt: skip
    x = torch.randn(3, 6)
    right = network.module.right(network.module.one(x)[:, 4:])
    assert torch.equal(part.module(x)["right"], right)
    assert set(part.shaped.outputs) == {"left", "right"}


@pytest.mark.parametrize("name", ["one", "left", "right", "sum", "last"])
def test_the_layer_that_fails_is_found(network, name):
    assert first_that(lambda part: has(part, name), network).name == name


def test_a_layer_that_gives_several_values_is_found_by_the_first_that_reads_one(network):
    assert first_that(lambda part: has(part, "parts"), network).name == "left"


def test_nothing_is_found_where_nothing_fails(network):
    assert first_that(lambda part: False, network) is None
