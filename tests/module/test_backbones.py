"""torchvision's models as layers, frozen or not, with weights from a file that the user names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision

import graphspec

SPEC = """
graphspec = 1
[inputs]
image = ["N", 3, 64, 64]
[layers]
backbone = {{ type = "torchvision.{model}"{more} }}
head = {{ type = "Linear", out_features = 4 }}
"""


class Payload:
    """What a hostile pickle does when it is loaded."""

    def __reduce__(self):
        return os.mkdir, ("owned",)


def compiled(model: str = "resnet18", more: str = ", features = true") -> torch.nn.Module:
    return graphspec.compile(SPEC.format(model=model, more=more))


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("model", "width"), [("resnet18", 512), ("mobilenet_v2", 1280), ("googlenet", 1024), ("shufflenet_v2_x0_5", 1024)]
)
def test_features_are_what_the_last_linear_takes(model: str, width: int) -> None:
    module = compiled(model)
    assert module.head.in_features == width
    assert module(torch.randn(2, 3, 64, 64)).shape == (2, 4)


def test_without_features_it_is_the_whole_classifier() -> None:
    module = compiled(more=", num_classes = 7")
    assert module.head.in_features == 7
    assert set(module.backbone.state_dict()) == set(torchvision.models.resnet18().state_dict())


def test_frozen_only_the_head_learns() -> None:
    module = compiled(more=", features = true, freeze = true")
    assert [name for name, p in module.named_parameters() if p.requires_grad] == ["head.weight", "head.bias"]


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_weights_from_a_file_give_torchvisions_outputs_to_the_last_bit(name: str) -> None:
    theirs = torchvision.models.resnet18()
    save = torch.save if name.endswith(".pt") else safetensors.torch.save_file
    save(theirs.state_dict(), name)
    module = compiled(more=f', features = true, init = {{ file = "{name}" }}').eval()
    theirs.fc = torch.nn.Identity()
    image = torch.randn(2, 3, 64, 64)
    assert torch.equal(module.backbone(image), theirs.eval()(image))


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("missing.pt", "no-such-file"),
        ("../outside.pt", "outside"),
        ("weights.bin", "wrong-extension"),
        ("other.pt", "checkpoint-mismatch"),
        ("garbage.pt", "checkpoint-damaged"),
        ("garbage.safetensors", "checkpoint-damaged"),
        ("hostile.pt", "checkpoint-damaged"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name_and_line(file: str, code: str) -> None:
    torch.save(torchvision.models.mobilenet_v2().state_dict(), "other.pt")
    torch.save({"weight": Payload()}, "hostile.pt")
    for name in ("garbage.pt", "garbage.safetensors"):
        Path(name).write_bytes(b"garbage" * 100)
    with pytest.raises(graphspec.GraphspecError) as error:
        compiled(more=f', init = {{ file = "{file}" }}')
    assert [found.code for found in error.value.diagnostics] == [code]
    assert error.value.diagnostics[0].position.line == 6
    assert file in str(error.value)
    assert not Path("owned").exists()


def test_a_mistyped_model_gets_a_suggestion() -> None:
    with pytest.raises(graphspec.GraphspecError, match=r'did you mean "torchvision.resnet18"\?'):
        compiled("resnet19")
