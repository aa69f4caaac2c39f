"""Imported networks beside those of the zoo, written by hand: the same parameters and outputs, in no more lines."""

from pathlib import Path

import pytest
import torch
import torchvision.models as vision

import graphspec
from graphspec.cli import emit
from graphspec.importing.sources import import_source

SPECS = Path(__file__).parents[2] / "specs"
#: torchvision's network, the size of its images, and the most lines of its spec.
LINES = {
    "resnet18": (64, 40), "resnet50": (64, 40), "densenet121": (64, 70), "mobilenet_v2": (64, 55),
    "vit_b_16": (224, 50), "efficientnet_b0": (64, 70), "convnext_tiny": (64, 65), "alexnet": (224, 40),
    "vgg11": (224, 45), "googlenet": (96, 75),
}  # fmt: skip
#: What torchvision's constructor is told so that it is the network of the zoo.
WORDS = {"googlenet": {"aux_logits": False, "transform_input": False, "init_weights": False}}


@pytest.mark.slow
@pytest.mark.parametrize("name", LINES)
def test_an_import_is_the_network_that_was_written_by_hand(name: str) -> None:
    size, most = LINES[name]
    torch.manual_seed(0)
    module = vision.get_model(name, weights=None, **WORDS.get(name, {}))
    image = torch.randn(2, 3, size, size)
    imported = graphspec.from_module(module, {"image": image})
    assert (len(imported.text.splitlines()) <= most, imported.unmerged) == (True, "")
    overrides = [] if size == 224 else [f"vars.size={size}"]
    by_hand = graphspec.load(SPECS / "zoo" / f"{name}.toml", overrides=overrides).with_state(module.state_dict)
    ours = imported.network
    counts = [sum(layer.parameter_count for layer in each.shaped.layers) for each in (by_hand, ours)]
    assert counts[0] == counts[1]
    with torch.no_grad():
        assert torch.equal(by_hand.build().eval()(image), ours.build().eval()(image))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "most"), [("swin_t", 120), ("mobilenet_v3_small", 85)])
def test_an_import_is_no_longer_than_a_person_would_write(name: str, most: int) -> None:
    imported = graphspec.from_module(vision.get_model(name, weights=None), {"image": torch.randn(2, 3, 64, 64)})
    assert (len(imported.text.splitlines()) <= most, imported.unmerged) == (True, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "spec",
    [
        *("digits", "fashion_cnn", "denoise", "segmentation", "zoo/lenet5", "zoo/lstm_classifier"),
        *("zoo/transformer_classifier", "zoo/two_towers", "zoo/resnet18", "zoo/efficientnet_b0"),
    ],
)
def test_what_emit_python_writes_is_imported_again(spec: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    network = graphspec.load(SPECS / f"{spec}.toml")
    text = emit.python(network.shaped)
    Path("written.py").write_text(text)
    last = [line for line in text.splitlines() if line.startswith("class ")][-1]
    name = last.removeprefix("class ").partition("(")[0]
    inputs = []
    for key, kind in network.shaped.inputs.items():
        sizes = ",".join(str(size) for size in kind.shape)
        dtype = str(kind.dtype).removeprefix("torch.")
        inputs.append(f"{key}={sizes.replace(' ', '')}:{dtype}")
    imported = import_source(f"written.py:{name}", inputs)
    keys = {key: value.shape for key, value in network.module.state_dict().items()}
    assert {key: value.shape for key, value in imported.network.module.state_dict().items()} == keys
