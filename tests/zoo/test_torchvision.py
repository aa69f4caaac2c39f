"""Specs of torchvision's models: the same state_dict, key for key, and outputs equal to the last bit."""

from pathlib import Path

import pytest
import torch
import torchvision.models as vision
from torch import nn

import graphspec

ZOO = Path(__file__).parents[2] / "specs" / "zoo"
#: Spec, and variant if any → torchvision's model.
KIN = {
    ("alexnet", None): vision.alexnet,
    ("vgg11", None): lambda: vision.vgg11(init_weights=False),
    ("resnet18", None): vision.resnet18,
    ("resnet18", "resnet34"): vision.resnet34,
    ("resnet50", None): vision.resnet50,
    ("resnet50", "resnet101"): vision.resnet101,
    ("resnet50", "resnet152"): vision.resnet152,
    ("resnet50", "resnext50_32x4d"): vision.resnext50_32x4d,
    ("resnet50", "wide_resnet50_2"): vision.wide_resnet50_2,
    ("googlenet", None): lambda: vision.googlenet(aux_logits=False, transform_input=False, init_weights=False),
    ("densenet121", None): vision.densenet121,
    ("densenet121", "densenet161"): vision.densenet161,
    ("densenet121", "densenet169"): vision.densenet169,
    ("densenet121", "densenet201"): vision.densenet201,
    ("mobilenet_v2", None): vision.mobilenet_v2,
    ("efficientnet_b0", None): vision.efficientnet_b0,
    ("efficientnet_b0", "efficientnet_b1"): vision.efficientnet_b1,
    ("efficientnet_b0", "efficientnet_b2"): vision.efficientnet_b2,
    ("convnext_tiny", None): vision.convnext_tiny,
    ("convnext_tiny", "convnext_small"): vision.convnext_small,
    ("convnext_tiny", "convnext_base"): vision.convnext_base,
    ("vit_b_16", None): vision.vit_b_16,
    ("vit_b_16", "vit_b_32"): vision.vit_b_32,
    ("vit_b_16", "vit_l_16"): vision.vit_l_16,
}
#: Sizes other than 64 at which the numbers are compared; those of AlexNet and VGG-11 are fixed.
SIZES = {"alexnet": 224, "vgg11": 224}


@pytest.mark.parametrize(("spec", "variant"), KIN)
def test_keys_and_shapes_are_torchvisions(spec: str, variant: str | None) -> None:
    """On the meta device, so that the largest model costs nothing."""
    with torch.device("meta"):
        ours = graphspec.compile(ZOO / f"{spec}.toml", variant=variant).state_dict()
        theirs = KIN[spec, variant]().state_dict()
    assert {key: value.shape for key, value in ours.items()} == {key: value.shape for key, value in theirs.items()}


@pytest.mark.parametrize(
    "spec", [pytest.param(s, marks=pytest.mark.slow if s == "vgg11" else ()) for s, variant in KIN if not variant]
)
def test_outputs_are_torchvisions(spec: str) -> None:
    size = SIZES.get(spec, 64)
    ours, theirs = _pair(spec, size)
    image = torch.randn(2, 3, size, size)
    with torch.no_grad():
        got, wanted = ours.eval()(image), theirs.eval()(image)
        assert torch.equal(got, wanted)
        assert wanted.std() > 0
        # in training mode dropout and stochastic depth draw the same numbers in the same order
        got, wanted = (_with_seed(model.train(), image) for model in (ours, theirs))
    assert torch.equal(got, wanted)
    buffers = dict(ours.named_buffers())
    assert all(torch.equal(value, buffers[key]) for key, value in theirs.named_buffers())


def test_gradients_are_torchvisions() -> None:
    ours, theirs = _pair("resnet18", 64)
    image = torch.randn(2, 3, 64, 64)
    for model in (ours, theirs):
        model(image).square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in ours.named_parameters()}
    assert all(torch.equal(parameter.grad, gradients[name]) for name, parameter in theirs.named_parameters())


def _pair(spec: str, size: int) -> tuple[nn.Module, nn.Module]:
    """The compiled model and torchvision's with the same weights, loaded strictly both ways."""
    torch.manual_seed(0)
    overrides = [f"vars.size={size}"] if spec not in SIZES else []
    ours = graphspec.compile(ZOO / f"{spec}.toml", overrides=overrides)
    theirs = vision.vit_b_16(image_size=size) if spec == "vit_b_16" else KIN[spec, None]()
    _spread(theirs)
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def _spread(model: nn.Module) -> None:
    """Random values in place of constants (norms, layer scales, a zero head): else an error there would not show."""
    with torch.no_grad():
        for value in [*model.parameters(), *model.buffers()]:
            if value.is_floating_point() and (value == value.flatten()[0]).all():
                value.uniform_(0.5, 1.5)


def _with_seed(model: nn.Module, image: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(1)
    return model(image)
