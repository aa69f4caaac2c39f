"""A network as one value: where it may come from, what it says of its weights, and that nobody changes another's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import safetensors.torch
import torch

import graphspec
from graphspec.compiler import Network

TEXT = """
graphspec = 1
name = "iris"
[vars]
width = 3
[inputs]
x = ["N", 4]
[layers]
fc1 = { type = "Linear", out_features = "${width}" }
fc2 = { type = "Linear", out_features = 2 }
[variants.wide]
width = 5
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iris.toml").write_text(TEXT, encoding="utf-8")
    return Path("iris.toml")


def test_a_path_the_text_a_dict_a_spec_and_a_network_make_the_same_module(spec: Path) -> None:
    network = graphspec.load(spec)
    given = [spec, str(spec), TEXT, {**graphspec.load(spec).spec.source.data}, network.spec, network]
    modules = [graphspec.compile(each) for each in given]
    for module in modules[1:]:
        assert all(map(torch.equal, modules[0].state_dict().values(), module.state_dict().values()))
    assert len({id(module) for module in modules}) == len(modules)


def test_variant_overrides_and_seed_are_of_the_reading(spec: Path) -> None:
    network = graphspec.load(spec, variant="wide", overrides=["layers.fc2.out_features=7"], seed=3)
    assert [tuple(p.shape) for p in network.module.parameters()] == [(5, 4), (5,), (7, 5), (7,)]
    assert not torch.equal(network.module.fc1.weight, graphspec.load(spec, variant="wide").module.fc1.weight)


def test_a_network_already_read_is_changed_once_more_and_stays_as_it_was(spec: Path) -> None:
    network = graphspec.load(spec, overrides=["layers.fc2.out_features=7"])
    wide = graphspec.load(network, variant="wide", overrides=["layers.fc1.bias=false"])
    assert [tuple(p.shape) for p in wide.module.parameters()] == [(5, 4), (7, 5), (7,)]
    assert [tuple(p.shape) for p in network.module.parameters()] != [(5, 4), (7, 5), (7,)]
    assert wide.name == network.name
    with pytest.raises(graphspec.GraphspecError, match=r"--set layers\.fc2\.out_features"):
        _ = graphspec.load(network, overrides=['layers.fc2.out_features="x"']).shaped
    with pytest.raises(TypeError, match="weights were made for"):
        graphspec.load(network.copy(), variant="wide")


def test_a_module_that_somebody_trains_is_nobody_elses(spec: Path) -> None:
    network = graphspec.load(spec)
    with torch.no_grad():
        network.build().fc1.weight.zero_()
    assert network.module is network.module
    assert network.module.fc1.weight.detach().abs().sum() > 0


def test_each_stage_is_run_when_it_is_asked_for() -> None:
    network = graphspec.load(TEXT.replace("[layers]", '[layers]\nflat = { type = "Flatten", start_dim = 9 }'))
    assert network.name == "iris"
    with pytest.raises(graphspec.GraphspecError):
        _ = network.shaped


@pytest.mark.parametrize(
    ("inits", "weights"),
    [(("", ""), "seeded"), (("one", ""), "seeded"), (("one", "two"), "file")],
    ids=["drawn", "drawn in part", "all from files"],
)
def test_weights_of_a_spec_are_drawn_as_long_as_one_layer_has_drawn_ones(spec: Path, inits, weights) -> None:
    text = TEXT
    for layer, file, shapes in (("fc1", inits[0], (3, 4)), ("fc2", inits[1], (2, 3))):
        if file:
            tensors = {"weight": torch.ones(shapes), "bias": torch.ones(shapes[0])}
            safetensors.torch.save_file(tensors, f"{file}.safetensors")
            text = text.replace(f"{layer} = {{", f'{layer} = {{ init.file = "{file}.safetensors",')
    network = graphspec.load(text)
    assert network.weights == weights


def test_a_network_without_weights_says_so() -> None:
    network = graphspec.load('graphspec = 1\n[inputs]\nx = ["N", 4]\n[layers]\nrelu = "ReLU"\n')
    assert network.weights == "none"


def test_other_weights_make_another_network_and_leave_this_one(spec: Path) -> None:
    network = graphspec.load(spec)
    _ = network.shaped
    zeros = {name: torch.zeros_like(value) for name, value in network.module.state_dict().items()}
    twin = network.with_state(lambda: zeros)
    assert twin.shaped is network.shaped
    assert (float(twin.module.fc1.weight.detach().abs().sum()), twin.weights) == (0.0, "file")
    assert network.module.fc1.weight.detach().abs().sum() > 0
    with pytest.raises(graphspec.GraphspecError, match="another network's"):
        network.with_state(dict).build()


def made(spec: Path) -> None:
    """A run, an export and a study, as far as their names tell; and things that are none."""
    module = graphspec.compile(spec)
    for folder, weights in (("runs/iris", "best"), ("exports/iris", "weights")):
        os.makedirs(folder)
        Path(folder, "spec.toml").write_text(TEXT, encoding="utf-8")
        ones = {name: torch.ones_like(value) for name, value in module.state_dict().items()}
        safetensors.torch.save_file(ones, f"{folder}/{weights}.safetensors")
    Path("exports/iris/manifest.json").write_text('{"weights": "trained"}', encoding="utf-8")
    os.makedirs("runs/iris-tune")
    Path("runs/iris-tune/journal.log").touch()
    os.makedirs("data")
    Path("photo.png").touch()


@pytest.mark.parametrize(
    ("folder", "weights"), [("iris.toml", "seeded"), ("runs/iris", "trained"), ("exports/iris", "trained")]
)
def test_a_spec_a_run_and_an_export_are_opened_alike(spec: Path, folder: str, weights: str) -> None:
    made(spec)
    network = Network.open(folder)
    assert (network.name, network.weights) == ("iris", weights)
    assert (float(network.module.fc2.bias.detach().sum()) == 2) == (weights == "trained")


def test_an_export_that_says_nothing_of_its_weights_makes_no_claim(spec: Path) -> None:
    made(spec)
    for said in ("{}", "[]", "nothing", '{"weights": 3}'):
        Path("exports/iris/manifest.json").write_text(said, encoding="utf-8")
        assert Network.open("exports/iris").weights == "file"
