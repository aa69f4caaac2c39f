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


STAGES = """
graphspec = 1
[inputs]
image = ["N", 3, 64, 64]
[layers]
backbone = {{ type = "torchvision.{model}"{more} }}
{lines}
[outputs]
{outputs}
"""


@pytest.mark.parametrize(
    ("model", "stages"),
    [("resnet18", ["layer2", "layer4"]), ("mobilenet_v2", ["features.3", "features.18"]), ("vgg11", ["features.10"])],
)
def test_a_stage_is_the_value_of_that_module(model: str, stages: list[str]) -> None:
    outputs = "\n".join(f'out{n} = "backbone.{stage}"' for n, stage in enumerate(stages))
    module = graphspec.compile(STAGES.format(model=model, more="", lines="", outputs=outputs)).eval()
    theirs = torchvision.models.get_model(model).eval()
    own = module.backbone.state_dict()
    theirs.load_state_dict(own, strict=False)
    assert own.keys() <= theirs.state_dict().keys()
    image, seen = torch.randn(2, 3, 64, 64), {}
    for stage in stages:
        theirs.get_submodule(stage).register_forward_hook(lambda _, __, out, stage=stage: seen.update({stage: out}))
    theirs(image)
    found = module(image)
    for n, stage in enumerate(stages):
        value = found[f"out{n}"] if len(stages) > 1 else found
        assert torch.equal(value, seen[stage])


def test_stages_and_the_networks_own_output_are_given_together() -> None:
    outputs = 'logits = "backbone"\nlow = "backbone.layer1"'
    module = graphspec.compile(STAGES.format(model="resnet18", more="", lines="", outputs=outputs)).eval()
    theirs = torchvision.models.resnet18().eval()
    theirs.load_state_dict(module.backbone.state_dict())
    image = torch.randn(2, 3, 64, 64)
    assert torch.equal(module(image)["logits"], theirs(image))
    assert module(image)["low"].shape == (2, 64, 16, 16)
    assert graphspec.compile(STAGES.format(model="resnet18", more="", lines="", outputs=outputs)).training


def test_a_mistyped_stage_gets_a_suggestion() -> None:
    with pytest.raises(graphspec.GraphspecError, match=r'resnet18 has no module "layr3"; did you mean "layer3"\?'):
        graphspec.compile(STAGES.format(model="resnet18", more="", lines="", outputs='out = "backbone.layr3"'))


@pytest.mark.parametrize("model", ["resnet18", "mobilenet_v2", "vit_b_32"])
def test_the_first_convolution_takes_the_images_channels(model: str) -> None:
    text = SPEC.format(model=model, more=", num_classes = 5").replace('["N", 3, 64, 64]', '["N", 1, 224, 224]')
    module = graphspec.compile(text).eval()
    assert module(torch.randn(2, 1, 224, 224)).shape == (2, 4)
    first = next(layer for layer in module.backbone.modules() if isinstance(layer, torch.nn.Conv2d))
    assert first.in_channels == 1


def test_timm_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphspec.ops import backbones as module

    module.backbones.cache_clear()
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(graphspec.GraphspecError, match=r"pip install 'graphspec\[timm\]'"):
        graphspec.compile(SPEC.replace("torchvision.", "timm.").format(model="resnet18", more=""))
    module.backbones.cache_clear()


def test_a_network_of_timm_is_a_layer() -> None:
    timm = pytest.importorskip("timm")
    text = SPEC.replace("torchvision.", "timm.").format(model="resnet18", more=", features = true")
    module = graphspec.compile(text).eval()
    theirs = timm.create_model("resnet18", pretrained=False, num_classes=0).eval()
    theirs.load_state_dict(module.backbone.state_dict())
    image = torch.randn(2, 3, 64, 64)
    assert torch.equal(module.backbone(image), theirs(image))
