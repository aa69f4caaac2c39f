"""A module becomes a spec with the same keys and the same bits: that is proven before anything is given back."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn

import graphspec
from graphspec.ops.imports import import_file

networks = import_file(Path(__file__).parent / "networks.py")
LINE, IMAGE, IDS = torch.randn(2, 8), torch.randn(2, 3, 8, 8), torch.randint(0, 16, (2, 5))
SEQUENCE = torch.randn(2, 5, 8)
#: Each network, its inputs, and lines that its spec has.
CASES: dict[type[nn.Module], tuple[dict[str, Tensor], list[str]]] = {
    networks.Branches: ({"x": LINE}, ['add = { type = "add", from = ["fc", "x"] }']),
    networks.Shared: ({"x": LINE}, ['{ reuse = "fc" }', '{ reuse = "block" }']),
    networks.Tied: ({"x": IDS}, ['tie = { weight = "embed.weight" }']),
    networks.Lists: ({"x": LINE}, ["[blocks.Heads.layers]"]),
    networks.TwoInputs: ({"x": LINE, "other": LINE}, ['left  = { type = "Linear", from = "x", out_features = 4 }']),
    networks.Positions: ({"x": LINE}, ["keep = true", "persistent = false", "shape = [1, 8]"]),
    networks.Dropped: ({"x": LINE}, ['{ type = "Dropout", p = 0.4 }']),
    networks.InPlace: ({"x": IMAGE}, ['{ type = "add", from = ["bn", "x"] }', "other = 2.0"]),
    networks.Frozen: ({"x": LINE}, ["out_features = 8, freeze = true"]),
    networks.OwnWeights: ({"x": IMAGE}, ['norm     = "LayerNorm"', "stride = 2"]),
    networks.Recurrent: ({"x": SEQUENCE}, ['from = "rnn.h_n"']),
    networks.Attention: ({"x": SEQUENCE}, ["-1, 5, 3, 2, 4"]),
}


@pytest.mark.parametrize("network", CASES, ids=lambda kind: kind.__name__)
def test_a_class_of_ones_own_becomes_a_spec_of_the_same_function(network: Callable[[], nn.Module]) -> None:
    inputs, lines = CASES[network]
    torch.manual_seed(0)
    module = network()
    imported = graphspec.from_module(module, inputs)
    assert [line for line in lines if line not in imported.text] == [], imported.text
    assert imported.sizes == (2, 3)
    ours = imported.network.build().eval()
    assert ours.state_dict().keys() == module.state_dict().keys()
    other = {name: torch.cat([value, value, value]) for name, value in inputs.items()}
    theirs, own = module.eval()(**other), ours(**other)
    for a, b in zip(_listed(theirs), _listed(own), strict=True):
        assert torch.equal(a, b)


def _listed(result: object) -> list[Tensor]:
    if isinstance(result, Tensor):
        return [result]
    return list(result.values() if isinstance(result, dict) else result)  # type: ignore[call-overload]


#: Networks that no spec can say, and what is said of them.
REFUSED = {
    networks.ByValue: "reads the numbers of a tensor",
    networks.ByBatch: "its course depends on sizes",
    networks.Fails: "its forward raises RuntimeError: the input is out of order",
    networks.Unknown: "the vocabulary has no logcumsumexp",
}


@pytest.mark.parametrize("network", REFUSED, ids=lambda kind: kind.__name__)
def test_what_no_spec_can_say_is_one_clear_error(network: Callable[[], nn.Module]) -> None:
    with pytest.raises(graphspec.GraphspecError, match=REFUSED[network]) as caught:
        graphspec.from_module(network(), {"x": LINE})
    assert [each.code for each in caught.value.diagnostics] == ["not-importable"]


def test_the_module_stays_as_it_was() -> None:
    module = networks.InPlace().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    graphspec.from_module(module, {"x": IMAGE})
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_dims_that_are_named_stay_open() -> None:
    imported = graphspec.from_module(networks.Attention(), {"x": SEQUENCE}, {"x": ["N", "T", 8]})
    assert '"${x.shape[0]}", "${x.shape[1]}"' in imported.text
    ours = imported.network.build()
    assert ours(torch.randn(7, 11, 8)).shape == (7, 11, 8)


def test_a_residual_network_is_as_long_as_a_person_would_write_it(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = torchvision.models.resnet18()
    imported = graphspec.from_module(module, {"image": torch.randn(2, 3, 64, 64)})
    imported.save("resnet18.toml")
    text = (tmp_path / "resnet18.toml").read_text()
    assert len(text.splitlines()) <= 40
    assert 'layer1  = { type = "BasicBlock", channels = 64, repeat = 2 }' in text
    assert 'layer2  = { type = "BasicBlock", channels = 128, stride = "${2 if i == 0 else 1}", repeat = 2 }' in text
    assert 'if = "${stride != 1 or x.shape[1] != channels}"' in text
    loaded = graphspec.compile("resnet18.toml").eval()
    image = torch.randn(1, 3, 64, 64)
    assert torch.equal(loaded(image), module.eval()(image))
    assert graphspec.load("resnet18.toml").weights == "file"
