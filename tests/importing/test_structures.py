"""Modules put together in unusual ways become specs with the same keys and the same bits."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import graphspec
from graphspec.importing.outputs import flat
from graphspec.importing.sources import import_source
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
    structures.GivenASize: ({"x": SEQUENCE}, ['positions = { type = "Positions", from = "x" }', '"${x.shape[0]}"']),
    structures.NamedAsItsInput: ({"query": LINE, "doc": LINE}, ["query_input = ", 'from = "doc_input"']),
    structures.PartlyComputed: ({"x": LINE}, ['type = "linear"']),
    structures.ZeroStates: ({"x": SEQUENCE}, ['lstm   = { type = "LSTM", hidden_size = 4, batch_first = true }']),
    structures.Named: (
        {"x": LINE},
        [
            'q          = { type = "transpose", dim0 = 0, dim1 = 1 }',
            'transpose2 = { type = "transpose",',
            'weights    = { type = "softmax", dim = -1 }',
            'scale      = { type = "amax"',
            "matmul2    = {",
        ],
    ),
    structures.OfAnyRank: ({"x": LINE}, ['out_features = "${x.shape[-1]}"']),
    structures.Widths: ({"x": LINE}, ['mlp   = { type = "MlpBlock", features = "${3 * features}" }']),
    structures.Dropped: (
        {"x": LINE},
        [
            '"${i}" = { type = "LinearBatchNormReLU", repeat = 2 }',
            'p = "${0.2 * (i + 1) / 11}", repeat = 5',
            'other = "${8 ** -0.5}"',
            "[blocks.Features.layers]",
        ],
    ),
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
    for (_, a), (_, b) in zip(flat(theirs, Tensor), flat(ours(*other.values()), Tensor), strict=True):
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


def test_noise_that_a_network_draws_in_evaluation_is_said_and_held_at_its_mean() -> None:
    torch.manual_seed(0)
    module = structures.Sampled().eval()
    imported = graphspec.from_module(module, {"x": LINE})
    assert "but for the noise of randn_like" in imported.proof
    sampled, mean = imported.network.build().eval()(x=LINE).values()
    assert torch.equal(mean, module(LINE)[1])
    assert torch.equal(sampled, mean)


def test_sizes_that_leave_a_rest_are_made_up_for_at_every_size() -> None:
    torch.manual_seed(0)
    module = structures.UpAndDown().eval()
    image = torch.randn(2, 3, 16, 24)
    ours = graphspec.from_module(module, {"x": image}, dims={"x": ["N", 3, "H", "W"]}).network.build().eval()
    for height, width in [(16, 24), (17, 24), (16, 25), (7, 9)]:
        x = torch.randn(1, 3, height, width)
        assert torch.equal(module(x), ours(x))


def test_a_network_with_a_greatest_size_is_imported_at_a_smaller_one() -> None:
    source = f"{Path(__file__).parent / 'structures.py'}:FewPlaces"
    imported = import_source(source, ["ids=N,T:int64"])
    assert 'ids = { shape = ["N", "T"], dtype = "int64" }' in imported.text
    with pytest.raises(graphspec.GraphspecError, match=r"FewPlaces: its forward raises IndexError.*\(for 2 × 64\)"):
        import_source(source, ["ids=N,64:int64"])
