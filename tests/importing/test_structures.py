"""Modules put together in unusual ways become specs with the same keys and the same bits."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import graphspec
from graphspec.importing.outputs import flat
from graphspec.ops.imports import import_file

structures = import_file(Path(__file__).parent / "structures.py")
LINE, IMAGE, SEQUENCE = torch.randn(2, 8), torch.randn(2, 3, 8, 8), torch.randn(2, 5, 8)
#: Each network, its inputs, and lines that its spec has.
CASES: dict[type[nn.Module], tuple[dict[str, Tensor], list[str]]] = {
    structures.NestedOutputs: ({"x": LINE}, ['hidden_1_of_relu = "relu"', '= "head"']),
    structures.StarArguments: ({"a": LINE, "b": LINE}, ['reuse = "fc"']),
    structures.KeywordOnly: ({"x": LINE, "other": LINE}, ["other = 2.0"]),
    structures.SharedByAssignment: ({"x": LINE}, ['tie = { weight = "left.weight" }']),
    structures.Unused: ({"x": LINE}, ["keep = true"]),
    structures.Stages: ({"x": LINE}, ['expand  = { type = "Linear", out_features = 16 }']),
    structures.Hooked: ({"x": LINE}, ["other = 2"]),
    structures.Checkpointed: ({"x": LINE}, ['type = "Linear"']),
    structures.Cached: ({"x": SEQUENCE}, ["persistent = false"]),
    structures.ParameterLists: ({"x": LINE}, ["shape = [8]"]),
    structures.Encoder: ({"x": SEQUENCE}, ["repeat = 2"]),
    structures.SelfAttention: ({"x": SEQUENCE}, ["need_weights = false"]),
    structures.Cells: ({"x": SEQUENCE}, ['reuse = "cell"']),
    structures.Causal: ({"x": SEQUENCE}, ["value = -inf"]),
    structures.SkipOrNot: ({"x": LINE}, ["if = ", "repeat = "]),
    structures.Experts: ({"x": LINE}, ["softmax"]),
    structures.Fused: ({"x": IMAGE}, ['type = "conv2d"']),
    structures.BothWays: ({"x": SEQUENCE}, ["bidirectional = true"]),
    structures.PartOfTheChannels: ({"x": LINE}, ["end = 4"]),
    structures.WeightNorm: (
        {"x": LINE},
        ['parametrize = "weight_norm"', '{ type = "weight_norm", dim = 1 }', '"spectral_norm", n_power_iterations = 2'],
    ),
    structures.Shifted: ({"x": LINE}, ["repeat = 4", '"${i % 2 == 1}"', 'if = "${roll}"', 'data = "${data}"']),
    structures.ByParts: ({"x": LINE}, ['head   = "Head"', 'relu   = "relu"', "[blocks.Layers.layers]"]),
    structures.OfStages: ({"x": LINE}, [f'{n} = {{ type = "Block", repeat = {n + 1} }}' for n in range(3)]),
    structures.Routed: (
        {"x": LINE},
        ['from = ["x", "scale"], repeat = 3', "out_features = 8, repeat = 3, freeze = true", 'inputs = ["x", "scale"]'],
    ),
    structures.Shared: ({"x": LINE}, ['reuse = "blocks.0.codebook"']),
    structures.Stem: ({"x": IMAGE}, ['bn      = "BatchNorm2d"']),
    structures.PartlyComputed: ({"x": LINE}, ['type = "linear"']),
}


@pytest.mark.parametrize("network", CASES, ids=lambda kind: kind.__name__)
def test_a_structure_becomes_a_spec(network: type[nn.Module]) -> None:
    inputs, lines = CASES[network]
    torch.manual_seed(0)
    module = network()
    imported = graphspec.from_module(module, inputs)
    assert imported.unmerged == ""
    assert [line for line in lines if line not in imported.text] == [], imported.text
    ours = imported.network.build().eval()
    assert ours.state_dict().keys() == module.state_dict().keys()
    other = {name: torch.cat([value] * 3) for name, value in inputs.items()}
    module.eval()
    theirs = module(**other) if network is not structures.StarArguments else module(*other.values())
    for (_, a), (_, b) in zip(flat(theirs, Tensor), flat(ours(**other), Tensor), strict=True):
        assert torch.equal(a, b)


def test_a_weight_that_is_computed_otherwise_is_named() -> None:
    with pytest.raises(graphspec.GraphspecError, match="parametriz"):
        graphspec.from_module(structures.Orthogonal(), {"x": LINE})


@pytest.mark.parametrize("network", [structures.ByLists, structures.AtMost], ids=lambda kind: kind.__name__)
def test_another_size_is_tried_that_the_network_takes(network: type[nn.Module]) -> None:
    """5 is the greatest length that one of them takes."""
    torch.manual_seed(0)
    module = network().eval()
    imported = graphspec.from_module(module, {"x": SEQUENCE}, dims={"x": ["N", "T", 8]})
    ours = imported.network.build().eval()
    for length in (2, 3, 5):
        x = torch.randn(4, length, 8)
        assert torch.equal(module(x), ours(x))
