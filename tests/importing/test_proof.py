"""The proof that a spec is the network that it was made of: every way in which it is not is said, with its place."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import graphspec
from graphspec.cli.app import app
from graphspec.importing import leaves
from graphspec.importing.functions import FUNCTIONS
from graphspec.importing.proof import difference
from graphspec.importing.record import Recorder

X = torch.randn(4, 6)


class Net(nn.Module):
    """A layer of every kind of state."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 5)
        self.bn = nn.BatchNorm1d(5)
        self.drop = nn.Dropout(0.5)
        self.register_buffer("scale", torch.ones(5))

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(torch.relu(self.bn(self.fc(x)))) * self.scale


def _set(name: str, value: object) -> Callable[[nn.Module], object]:
    owner, _, last = name.rpartition(".")
    return lambda module: setattr(module.get_submodule(owner), last, value)


#: What is otherwise in the compiled spec, and what is said of it.
DIFFERENCES: dict[str, tuple[Callable[[nn.Module], object], str]] = {
    "nothing": (lambda module: None, ""),
    "a key less": (_set("fc.bias", None), "the spec has no fc.bias"),
    "a key more": (lambda module: module.register_buffer("more", torch.ones(1)), "the network has no more"),
    "a buffer that is not kept": (
        lambda module: module.register_buffer("scale", torch.ones(5), persistent=False), "the spec has no scale",
    ),
    "another shape": (_set("scale", torch.ones(1)), "scale is (1,) torch.float32, not (5,) torch.float32"),
    "another dtype": (_set("scale", torch.ones(5).double()), "scale is (5,) torch.float64, not (5,) torch.float32"),
    "a weight that is not trained": (
        lambda module: module.fc.bias.requires_grad_(False), "fc.bias is not trained by the spec alone",
    ),
    "a number": (
        lambda module: module.fc.weight.data.add_(1.0), "output 0 is another in evaluation, for x 4 × 6",
    ),
    "a dropout": (_set("drop.p", 0.25), "output 0 is another in training, for x 4 × 6"),
    "a momentum": (_set("bn.momentum", 0.2), "the buffer bn.running_mean is another after a step in training"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DIFFERENCES)
def test_a_difference_is_said(kind: str) -> None:
    change, message = DIFFERENCES[kind]
    torch.manual_seed(0)
    source = Net()
    ours = copy.deepcopy(source)
    change(ours)
    found = difference(source, ours, [{"x": X}], training=True)
    assert (found.message if found else "") == message


FILE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.drop = nn.Linear(6, 6), nn.Linear(6, 6), nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.two(torch.sigmoid(self.one(x))))
"""


def _import(folder: Path) -> str:
    (folder / "net.py").write_text(FILE)
    result = CliRunner().invoke(app, ["import", "net.py:Net", "-o", "net.toml", "--input", "x=N,6"])
    assert result.exit_code == 1
    assert [path.name for path in folder.iterdir() if path.suffix != ""] == ["net.py"]
    return " ".join(result.output.split())


def test_the_first_layer_that_differs_is_named_and_nothing_is_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(FUNCTIONS, "sigmoid", ("tanh", ["input"]))
    said = _import(tmp_path)
    assert "the spec is another network: output 0 is another in evaluation" in said
    assert "the first layer that differs is tanh" in said


def test_a_spec_that_differs_in_training_alone_is_not_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(leaves._KEPT, "Dropout", {"p": lambda module: 0.25})
    assert "output 0 is another in training" in _import(tmp_path)


class Lacking(nn.Module):
    """Functions that the vocabulary lacks, two of a kind and one of another."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.special.i0(x) + torch.special.i0(x + 1) + torch.digamma(x)


def test_all_that_the_vocabulary_lacks_is_said_by_name() -> None:
    with pytest.raises(graphspec.GraphspecError, match="has no special_i0") as caught:
        graphspec.from_module(Lacking(), {"x": X})
    assert str(caught.value).count("special_i0") == 1
    assert "has no digamma" in str(caught.value)


class Doubled(nn.Module):
    """Each step uses its value twice: written out as a tree, a million leaves."""

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(20):
            x = x + x
        return x


def test_what_was_recorded_has_a_short_repr() -> None:
    recording = Recorder(Doubled()).run({"x": X})
    assert len(recording.calls) == 20
    assert len(repr(recording)) < 10_000


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_an_encoder_layer_is_one_layer(activation: str) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation=activation, batch_first=True)
    network = graphspec.from_module(nn.Sequential(layer, nn.Linear(8, 2)), {"x": torch.randn(2, 3, 8)})
    assert 'type = "TransformerEncoderLayer"' in network.text
