"""``parametrize``: a weight that is computed from other parameters, as torch.nn.utils.parametrizations does it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import graphspec

from .test_emit_python import emitted


def network(layer: dict[str, Any], shape: list[Any]) -> graphspec.Network:
    layers = {"y": layer, "act": "ReLU"}
    return graphspec.load({"graphspec": 1, "inputs": {"x": shape}, "layers": layers})


CONV = {"type": "Conv1d", "out_channels": 6, "kernel_size": 3}
CASES = [
    (CONV | {"parametrize": "weight_norm"}, ["N", 4, "L"], lambda: parametrizations.weight_norm(nn.Conv1d(4, 6, 3))),
    (
        CONV | {"parametrize": {"type": "weight_norm", "dim": 1}},
        ["N", 4, "L"],
        lambda: parametrizations.weight_norm(nn.Conv1d(4, 6, 3), dim=1),
    ),
    (
        {"type": "Linear", "out_features": 5, "parametrize": "spectral_norm"},
        ["N", 7],
        lambda: parametrizations.spectral_norm(nn.Linear(7, 5)),
    ),
    (
        {"type": "ConvTranspose2d", "out_channels": 3, "kernel_size": 2, "parametrize": "spectral_norm"},
        ["N", 4, "H", "W"],
        lambda: parametrizations.spectral_norm(nn.ConvTranspose2d(4, 3, 2)),
    ),
]


@pytest.mark.parametrize(("layer", "shape", "theirs"), CASES)
def test_keys_shapes_and_outputs_are_torchs(layer: dict[str, Any], shape: list[Any], theirs: Any) -> None:
    given = network(layer, shape)
    module, other = graphspec.compile(given), theirs()
    own = {name.removeprefix("y."): value for name, value in module.state_dict().items()}
    assert {name: value.shape for name, value in own.items()} == {
        name: value.shape for name, value in other.state_dict().items()
    }
    (layer_,) = (found for found in given.shaped.layers if found.name == "y")
    assert layer_.parameters == {name: tuple(value.shape) for name, value in other.named_parameters()}
    other.load_state_dict(own)
    x = torch.randn([2 if size == "N" else 9 if isinstance(size, str) else size for size in shape])
    assert torch.equal(module.eval()(x), other.eval()(x).relu())
    again = copy.deepcopy(module)
    assert torch.equal(again(x), module(x))


def test_init_is_of_the_weight_that_is_computed() -> None:
    layer = {"type": "Linear", "out_features": 5, "init": "ones_", "parametrize": "weight_norm"}
    module = graphspec.compile(network(layer, ["N", 7]))
    assert torch.allclose(module.y.weight, torch.ones(5, 7))
    assert torch.allclose(module.get_parameter("y.parametrizations.weight.original0"), torch.full((5, 1), 7**0.5))


@pytest.mark.parametrize("layer", [CASES[0][0], CASES[2][0]], ids=["weight_norm", "spectral_norm"])
def test_python_source_is_equal(layer: dict[str, Any], tmp_path: Path) -> None:
    shape = ["N", 4, "L"] if layer["type"] == "Conv1d" else ["N", 7]
    given = network(layer, shape)
    module, theirs = graphspec.compile(given), emitted(given.shaped, tmp_path)
    theirs.load_state_dict(module.state_dict(), strict=True)
    x = torch.randn(2, 4, 9) if len(shape) == 3 else torch.randn(2, 7)
    assert torch.equal(theirs.eval()(x), module.eval()(x))


@pytest.mark.parametrize(
    ("layer", "code", "words"),
    [
        (CONV | {"parametrize": "weight_nrom"}, "unknown-component", 'did you mean "weight_norm"?'),
        (CONV | {"parametrize": {"type": "weight_norm", "dims": 1}}, "unknown-argument", 'did you mean "dim"?'),
        (CONV | {"parametrize": {"type": "weight_norm", "dim": 3}}, "shape-mismatch", "dim is 3"),
        (CONV | {"parametrize": {"type": "weight_norm", "name": "w"}}, "unknown-argument", 'no parameter "w"'),
        ({"type": "ReLU", "parametrize": "weight_norm"}, "bad-value", "no weight that could be computed"),
        ({"type": "LSTM", "hidden_size": 4, "parametrize": "weight_norm"}, "bad-value", "no weight"),
    ],
)
def test_what_cannot_be_computed_is_refused(layer: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(graphspec.GraphspecError) as caught:
        _ = network(layer, ["N", 4, 9]).shaped
    assert caught.value.diagnostics[0].code == code
    assert words in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("layer", [CASES[0][0], CASES[2][0]], ids=["weight_norm", "spectral_norm"])
def test_it_is_exported_and_verified_in_every_format(layer: dict[str, Any], tmp_path: Path) -> None:
    shape = ["N", 4, "L"] if layer["type"] == "Conv1d" else ["N", 7]
    bundle = graphspec.export(network(layer, shape), tmp_path / "out", formats=["onnx", "torchscript", "pt2"])
    assert graphspec.verify(bundle).passed
