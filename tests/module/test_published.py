"""``init = { weights = "…" }``: torchvision's published weights, by name, from torch.hub's folder, hash first."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision import models

from graphspec import compiler
from graphspec.checking import check
from graphspec.data.place import DataPlace
from graphspec.diagnostics import GraphspecError
from graphspec.ops.backbones import backbones
from graphspec.ops.published import of_model

NAME = "ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1"
MEANT = f'did you mean "{NAME}"?'


def spec(init: Any = NAME, layer: dict[str, Any] | None = None) -> dict[str, Any]:
    started = {"weights": init} if isinstance(init, str) else init
    backbone = {"type": "torchvision.shufflenet_v2_x0_5", "init": started, **(layer or {})}
    return {"graphspec": 1, "inputs": {"image": ["N", 3, 32, 32]}, "layers": {"backbone": backbone}}


@pytest.fixture(scope="module")
def trained() -> torch.nn.Module:
    torch.manual_seed(7)
    module: torch.nn.Module = models.shufflenet_v2_x0_5(weights=None)
    return module


@pytest.fixture
def hub(tmp_path: Path, trained: torch.nn.Module, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty torch.hub folder; what torchvision's name is published under is a file of this machine."""
    origin = tmp_path / "origin"
    origin.mkdir()
    torch.save(trained.state_dict(), origin / "weights.pth")
    digits = hashlib.sha256((origin / "weights.pth").read_bytes()).hexdigest()[:8]
    file = (origin / "weights.pth").rename(origin / f"shufflenet-{digits}.pth")
    monkeypatch.setattr(models.ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1.value, "url", file.as_uri())
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    _forget()
    yield tmp_path / "home" / "hub" / "checkpoints" / file.name
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    from graphspec.ops import published

    published._of_model.cache_clear()


def test_every_network_of_torchvisions_has_weights_whose_file_names_its_hash() -> None:
    rows = [row for op in backbones().values() for row in of_model(op).values()]
    assert len(rows) > 100
    assert all(len(row.digits) >= 8 and row.url.startswith("https://download.pytorch.org/") for row in rows)
    assert of_model(backbones()["torchvision.resnet18"])["ResNet18_Weights.IMAGENET1K_V1"].digits == "f37072fd"


def test_they_are_fetched_only_where_that_is_allowed(hub: Path, trained: torch.nn.Module) -> None:
    with pytest.raises(GraphspecError, match="is not kept here") as caught:
        compiler.load(spec()).build()
    assert caught.value.diagnostics[0].code == "no-such-file"
    assert "train --download fetches it" in caught.value.diagnostics[0].hint
    assert not hub.exists()
    module = compiler.load(spec(), data=DataPlace(download=True)).build()
    assert hub.is_file()
    for name, value in trained.state_dict().items():
        assert torch.equal(module.state_dict()[f"backbone.{name}"], value)
    assert compiler.load(spec()).weights == "file"


def test_another_hash_is_refused_before_anything_is_read(hub: Path) -> None:
    hub.parent.mkdir(parents=True)
    hub.write_bytes(b"not a checkpoint at all")
    with pytest.raises(GraphspecError, match="is not what was published: its sha256 begins") as caught:
        compiler.load(spec()).build()
    assert caught.value.diagnostics[0].code == "checkpoint-damaged"


def test_a_fetched_file_with_another_hash_is_not_kept(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = next(hub.parents[3].glob("origin/*.pth"))
    origin.write_bytes(b"changed on the way")
    with pytest.raises(GraphspecError, match="invalid hash value") as caught:
        compiler.load(spec(), data=DataPlace(download=True))
    assert caught.value.diagnostics[0].code == "download"
    assert list(hub.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("init", "layer"),
    [
        (NAME, {"features": True}),
        ({"weights": NAME, "except": "fc"}, {"num_classes": 5}),
        ({"weights": NAME, "except": ["fc", "conv1.0"]}, {"num_classes": 5, "in_channels": 1}),
    ],
    ids=["features", "head", "channels"],
)
def test_parts_that_differ_are_named(hub: Path, trained: torch.nn.Module, init: Any, layer: dict[str, Any]) -> None:
    raw = spec(init, layer)
    raw["inputs"]["image"][1] = layer.get("in_channels", 3)
    state = compiler.load(raw, data=DataPlace(download=True)).build().state_dict()
    kept = [name for name in trained.state_dict() if not name.startswith(("fc", "conv1.0"))]
    assert kept
    assert all(torch.equal(state[f"backbone.{name}"], trained.state_dict()[name]) for name in kept)


def test_stages_take_theirs(hub: Path, trained: torch.nn.Module) -> None:
    raw = spec()
    raw["layers"]["head"] = {"type": "Conv2d", "from": "backbone.stage3", "out_channels": 4, "kernel_size": 1}
    state = compiler.load(raw, data=DataPlace(download=True)).build().state_dict()
    assert not any("stage4" in name for name in state)
    taken = [name for name in trained.state_dict() if f"backbone.{name}" in state]
    assert len(taken) > 100
    assert all(torch.equal(state[f"backbone.{name}"], trained.state_dict()[name]) for name in taken)


@pytest.mark.parametrize(
    ("init", "layer", "message", "hint"),
    [
        (NAME, {"num_classes": 5}, "does not fit; except = ", ""),
        ({"weights": NAME, "except": ["head"]}, {}, '"head" is no part of it', ""),
    ],
)
def test_what_does_not_fit(hub: Path, init: Any, layer: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(GraphspecError, match=message):
        compiler.load(spec(init, layer), data=DataPlace(download=True)).build()


@pytest.mark.parametrize(
    ("init", "message", "hint"),
    [
        ("ShuffleNet_V2_X0_5_Weights.DEFAULT", "is another in each version of torchvision", f"write {NAME}"),
        ("ShuffleNet_V2_X0_5_Weights.IMAGENET", "none of torchvision.shufflenet_v2_x0_5's weights", MEANT),
        ("ResNet18_Weights.IMAGENET1K_V1", "none of torchvision.shufflenet_v2_x0_5's weights", MEANT),
        ({"weights": NAME, "except": 3}, "except is a name, or a list of names", ""),
    ],
)  # fmt: skip
def test_names_are_checked_without_a_file(init: Any, message: str, hint: str) -> None:
    with pytest.raises(GraphspecError, match=message) as caught:
        check(compiler.load(spec(init)))
    assert caught.value.diagnostics[0].hint == hint


def test_only_a_network_of_torchvisions_has_some() -> None:
    raw = spec()
    raw["layers"] = {"flatten": "Flatten", "fc": {"type": "Linear", "out_features": 3, "init": {"weights": NAME}}}
    with pytest.raises(GraphspecError, match="torchvision publishes no weights of Linear"):
        check(compiler.load(raw))
