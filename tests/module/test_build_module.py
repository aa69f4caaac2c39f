"""The compiled module is ordinary PyTorch: names, weights, sharing, copying, scripting; and no text of it is run."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import graphspec
from graphspec.module import build
from graphspec.shapes import ShapedGraph
from graphspec.system.own_parts import OwnParts

RESIDUAL = """
graphspec = 1
[inputs]
x = ["N", 3, "H", "W"]
[layers]
stem = { type = "Conv2d", out_channels = 4, kernel_size = 3, padding = 1, bias = false }
body = { type = "Block", repeat = 2 }
pool = { type = "AdaptiveAvgPool2d", output_size = 1 }
flat = "Flatten"
head = { type = "Linear", out_features = 2 }
[outputs]
logits = "head"
[blocks.Block.layers]
conv = { type = "Conv2d", out_channels = 4, kernel_size = 3, padding = 1, bias = false }
norm = "BatchNorm2d"
relu = "ReLU"
add = { type = "add", from = ["relu", "x"] }
"""


def network(layers: dict[str, Any], inputs: dict[str, Any] | None = None, **sections: Any) -> dict[str, Any]:
    return {"graphspec": 1, "inputs": inputs or {"x": ["N", 8]}, "layers": layers} | sections


class Handwritten(nn.Module):
    """RESIDUAL as a person would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.body = nn.Sequential(*(self.block() for _ in range(2)))
        self.head = nn.Linear(4, 2)

    def block(self) -> nn.Module:
        block = nn.Module()
        block.conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        block.norm = nn.BatchNorm2d(4)
        return block

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.body:
            x = torch.relu(block.norm(block.conv(x))) + x
        return self.head(x.mean((2, 3)))


def test_state_dict_keys_are_the_layers_names_and_weights_load_strictly() -> None:
    module, other = graphspec.compile(RESIDUAL), Handwritten()
    assert list(module.state_dict()) == list(other.state_dict())
    module.load_state_dict(other.state_dict(), strict=True)
    x = torch.rand(2, 3, 9, 7)
    torch.testing.assert_close(module(x), other(x), rtol=0, atol=1e-6)


def test_seeds() -> None:
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    first, same, other = (graphspec.compile(RESIDUAL, seed=seed) for seed in (7, 7, 8))
    assert torch.equal(torch.random.get_rng_state(), before), "the caller's random state is left as it was"
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), same.parameters(), strict=True))
    assert not torch.equal(first.stem.weight, other.stem.weight)
    by_spec = graphspec.compile(RESIDUAL + "[train]\nseed = 7\n")
    assert torch.equal(by_spec.stem.weight, first.stem.weight)


@pytest.mark.parametrize("way", ["deepcopy", "pickle", "script", "compile"])
def test_copies_compute_the_same(way: str) -> None:
    module = graphspec.compile(RESIDUAL).eval()
    ways: dict[str, Any] = {
        "deepcopy": copy.deepcopy,
        "pickle": lambda it: pickle.loads(pickle.dumps(it)),  # noqa: S301  our own bytes, to see that users can
        "script": torch.jit.script,
        "compile": lambda it: torch.compile(it, fullgraph=True, backend="eager"),
    }
    copied = ways[way](module)
    x = torch.rand(2, 3, 9, 7)
    assert torch.equal(copied(x), module(x))
    if way in ("deepcopy", "pickle"):
        assert list(copied.state_dict()) == list(module.state_dict())
        with torch.no_grad():
            copied.head.weight.zero_()
        assert module.head.weight.abs().sum() > 0


def test_forward_takes_inputs_by_name_and_gives_outputs_by_name() -> None:
    layers = {"s": {"type": "add", "from": ["a", "b"]}, "d": {"type": "sub", "from": ["a", "b"]}}
    spec = network(layers, {"a": ["N", 8], "b": ["N", 8]}, outputs={"total": "s", "difference": "d"})
    module = graphspec.compile(spec)
    a, b = torch.rand(2, 8), torch.rand(2, 8)
    found = module(b=b, a=a)
    assert list(found) == ["total", "difference"]
    assert torch.equal(found["difference"], a - b)
    scripted = torch.jit.script(module)(a, b)
    assert torch.equal(scripted["total"], a + b)


def test_values_of_a_layer_with_several() -> None:
    layers = {"lstm": {"type": "LSTM", "hidden_size": 5, "batch_first": True},
              "last": {"type": "select", "from": "lstm.h_n", "dim": 0, "index": -1}}  # fmt: skip
    module = graphspec.compile(network(layers, {"x": ["N", "T", 3]})).eval()
    x = torch.rand(2, 4, 3)
    assert torch.equal(module(x), module.lstm(x)[1][0][-1])


def test_reuse_is_one_layer_and_tie_is_one_tensor() -> None:
    layers = {
        "embed": {"type": "Embedding", "num_embeddings": 10, "embedding_dim": 4},
        "one": {"type": "Linear", "out_features": 4},
        "two": {"reuse": "one"},
        "head": {"type": "Linear", "out_features": 10, "bias": False, "tie": "embed.weight"},
    }
    module = graphspec.compile(network(layers, {"ids": {"shape": ["N"], "dtype": "int64"}}))
    assert module.head.weight is module.embed.weight
    assert [name for name, _ in module.named_parameters()] == ["embed.weight", "one.weight", "one.bias"]
    ids = torch.tensor([1, 2])
    hidden = module.one(module.one(module.embed(ids)))
    assert torch.equal(module(ids), hidden @ module.embed.weight.T)


def test_init_and_freeze() -> None:
    layers = {
        "a": {
            "type": "Linear",
            "out_features": 4,
            "init": {"weight": {"type": "constant_", "val": 0.5}, "bias": "ones_"},
        },
        "b": {"type": "Linear", "out_features": 4, "init": "zeros_", "freeze": True},
        "scale": {"type": "Parameter", "shape": [4], "init": "ones_"},
        "y": {"type": "mul", "from": ["b", "scale"], "broadcast": True},
    }
    module = graphspec.compile(network(layers))
    assert module.a.weight.unique().tolist() == [0.5]
    assert module.a.bias.unique().tolist() == [1.0]
    assert module.scale.tolist() == [1.0] * 4
    assert {name: p.requires_grad for name, p in module.named_parameters()} == {
        "scale": True, "a.weight": True, "a.bias": True, "b.weight": False, "b.bias": False,
    }  # fmt: skip


def test_a_custom_layers_arguments_are_inferred(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphspec.ops import table

    monkeypatch.setattr(table, "_custom", OwnParts(table._custom.kind, table._custom.taken))

    @graphspec.layer
    class ScaledConv(nn.Module):
        """A convolution times a number."""

        def __init__(self, in_channels: int, out_channels: int, scale: float = 1.0) -> None:
            super().__init__()
            self.conv = nn.Conv2d(in_channels, out_channels, 1)
            self.scale = scale

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x) * self.scale

    layers = {"y": {"type": "ScaledConv", "out_channels": 5, "scale": 2.0}}
    module = graphspec.compile(network(layers, {"image": ["N", 3, "H", "W"]}))
    assert list(module.state_dict()) == ["y.conv.weight", "y.conv.bias"]
    x = torch.rand(1, 3, 4, 4)
    assert torch.equal(module(x), module.y.conv(x) * 2)
    with pytest.raises(graphspec.GraphspecError, match=r'has no argument "out_channel"; did you mean "out_channels"'):
        graphspec.compile(network({"y": {"type": "ScaledConv", "out_channel": 5}}, {"image": ["N", 3, 4, 4]}))


def test_a_custom_layer_cannot_take_torchs_name() -> None:
    class Linear(nn.Module):
        pass

    with pytest.raises(ValueError, match="torch's name"):
        graphspec.layer(Linear)


HOSTILE = [
    'forward"), eval(bytes([49])), ("', "x=open('f')", "a b", "a\n    import os", "__import__('os')", "é", "", "a..b",
    "class", "a);b=(1", "x: print(1)", "x\u202e", "0x\n",
]  # fmt: skip


def renamed(shaped: ShapedGraph, place: str, name: str) -> ShapedGraph:
    """The graph with a hostile name in one place, as no checked spec can have it."""
    layer = shaped.layers[0]
    match place:
        case "layer":
            return dataclasses.replace(shaped, layers=(dataclasses.replace(layer, name=name, module=name),))
        case "module":
            return dataclasses.replace(shaped, layers=(dataclasses.replace(layer, module=name),))
        case "tie":
            return dataclasses.replace(shaped, layers=(dataclasses.replace(layer, tie={"weight": name}),))
        case "input":
            return dataclasses.replace(shaped, inputs={name: shaped.inputs["x"]})
    return dataclasses.replace(shaped, outputs={name: shaped.outputs["output"]})


@pytest.mark.parametrize("place", ["layer", "module", "tie", "input", "output"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_past_validation_reaches_no_source(place: str, name: str) -> None:
    shaped = graphspec.shape(graphspec.load(network({"y": {"type": "Linear", "out_features": 2}})))
    compiled = []
    watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event in ("compile", "exec") and name.strip() and name in str(arguments[0]):
            compiled.append(arguments)

    sys.addaudithook(watch)
    with pytest.raises(ValueError, match="cannot be a name"):
        build(renamed(shaped, place, name))
    watching = False
    assert not compiled
