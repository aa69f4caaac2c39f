"""Augmentation draws for every sample, and its pixels are torchvision.transforms.v2's."""

from __future__ import annotations

import functools
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from graphspec.data import data_of, load
from graphspec.data.augment import BATCHED, FROM_V2, MIXING, PER_SAMPLE, augmentations
from graphspec.data.augment.colour import ColorJitter
from graphspec.data.augment.crop import Flip, RandomCrop
from graphspec.data.augment.mix import Mix
from graphspec.data.augment.noise import GaussianBlur, GaussianNoise, RandomErasing
from graphspec.data.augment.resized import RandomResizedCrop
from graphspec.data.augment.rotate import RandomRotation
from graphspec.data.seeds import generator
from graphspec.diagnostics import GraphspecError
from graphspec.schema import json_schema
from graphspec.spec.base import Component
from graphspec.spec.data import DataSpec

IMAGES = torch.randint(0, 256, (64, 3, 12, 10), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def build(*components: object):
    return augmentations([Component.model_validate(component) for component in components])


@pytest.mark.parametrize(("dim", "theirs"), [(-1, functional.horizontal_flip), (-2, functional.vertical_flip)])
def test_flip_is_v2s(dim: int, theirs) -> None:
    chosen = torch.arange(len(IMAGES)) % 3 == 0
    expected = [theirs(image) if flip else image for image, flip in zip(IMAGES, chosen, strict=True)]
    assert torch.equal(Flip(dim).apply(IMAGES, chosen), torch.stack(expected))


@pytest.mark.parametrize("padding_mode", ["constant", "edge", "reflect", "symmetric"])
def test_crop_is_v2s(padding_mode: str) -> None:
    crop = RandomCrop((9, 8), (1, 2, 3, 4), padding_mode=padding_mode)
    top, left = torch.arange(64) % 10, torch.arange(64) % 7
    padded = [functional.pad(image, [1, 2, 3, 4], padding_mode=padding_mode) for image in IMAGES]
    expected = [functional.crop(image, int(y), int(x), 9, 8) for image, y, x in zip(padded, top, left, strict=True)]
    assert torch.equal(crop.apply(crop.pad(IMAGES), top, left), torch.stack(expected))


FLOATS = IMAGES.float() / 255
ANGLES = torch.linspace(-170, 175, 64)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("fill", [0.0, 0.25])
def test_rotation_is_v2s(interpolation: str, fill: float) -> None:
    mode = {"nearest": v2.InterpolationMode.NEAREST, "bilinear": v2.InterpolationMode.BILINEAR}[interpolation]
    theirs = [
        functional.rotate(image, angle, mode, fill=[fill] if fill else None)
        for image, angle in zip(FLOATS, ANGLES.tolist(), strict=True)
    ]
    ours = RandomRotation((0, 0), interpolation, fill).apply(FLOATS, ANGLES)
    assert torch.allclose(ours, torch.stack(theirs), atol=1e-6, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_colour_jitter_is_v2s(channels: int) -> None:
    images = FLOATS[:, :channels]
    draw = torch.Generator().manual_seed(1)
    order = torch.rand(64, 4, generator=draw).argsort(1)
    factors: list[Tensor | None] = [torch.rand(64, generator=draw) * 2 for _ in range(3)]
    factors.append(torch.rand(64, generator=draw) - 0.5)
    theirs = v2.ColorJitter(0.5, 0.5, 0.5, 0.5)
    names = ("brightness_factor", "contrast_factor", "saturation_factor", "hue_factor")
    expected = []
    for i, image in enumerate(images):
        drawn = {name: values[i].item() for name, values in zip(names, factors, strict=True) if values is not None}
        expected.append(theirs.transform(image, {"fn_idx": order[i], **drawn}))
    ours = ColorJitter((0, 1), (0, 1), (0, 1), (-0.5, 0.5)).apply(images, order, factors)
    assert torch.allclose(ours, torch.stack(expected), atol=2e-5, rtol=0)  # 1/200 of a grey level


@pytest.mark.parametrize("interpolation", ["nearest", "nearest-exact", "bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [True, False])
def test_resized_crop_is_v2s(interpolation: str, antialias: bool) -> None:
    mode = v2.InterpolationMode(interpolation)
    crop = RandomResizedCrop((7, 9), (0.08, 1.0), (3 / 4, 4 / 3), interpolation, antialias)
    boxes = crop.boxes(64, 12, 10, generator(0, "crop"))
    each = zip(FLOATS, *(side.tolist() for side in boxes), strict=True)
    theirs = [functional.resized_crop(image, *box, [7, 9], mode, antialias) for image, *box in each]
    assert torch.equal(crop.apply(FLOATS, *boxes), torch.stack(theirs))


def test_resized_crops_are_within_the_image_and_the_limits() -> None:
    crop = RandomResizedCrop((8, 8), (0.25, 0.5), (0.5, 2.0))
    top, left, height, width = crop.boxes(5000, 60, 80, generator(0, "crop"))
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= 60).all()
    assert (left + width <= 80).all()
    area, ratio = height * width / 4800, width / height
    assert 0.24 < area.min() < 0.26
    assert 0.48 < area.max() < 0.51
    assert 0.45 < ratio.min() < 0.55
    assert 1.8 < ratio.max() < 2.2
    # an area that no ratio allows: the largest part in the middle
    wide = RandomResizedCrop((8, 8), (1.0, 1.0), (0.75, 4 / 3)).boxes(3, 10, 100, generator(0, "crop"))
    assert [side.tolist() for side in wide] == [[0] * 3, [43] * 3, [10] * 3, [13] * 3]


def test_noise_is_v2s() -> None:
    torch.manual_seed(3)
    theirs = functional.gaussian_noise(FLOATS, 0.1, 0.3)
    torch.manual_seed(3)
    assert torch.equal(GaussianNoise(0.1, 0.3).apply(FLOATS, torch.randn_like(FLOATS)), theirs)


def test_blur_is_v2s() -> None:
    sigma = torch.linspace(0.1, 2, 64)
    theirs = [functional.gaussian_blur(image, [5, 3], [s, s]) for image, s in zip(FLOATS, sigma.tolist(), strict=True)]
    ours = GaussianBlur((3, 5), (0.1, 2)).apply(FLOATS, sigma)
    assert torch.allclose(ours, torch.stack(theirs), atol=1e-6, rtol=0)


def test_erasing_is_v2s() -> None:
    erasing = RandomErasing(1.0, (0.02, 0.33), (0.3, 3.3), (0.5,))
    places = erasing.rectangles(64, 12, 10, generator(0, "erase"))
    value = torch.tensor(0.5).view(1, 1, 1)
    boxes = zip(FLOATS, *(place.tolist() for place in places), strict=True)
    theirs = [functional.erase(image, top, left, height, width, value) for image, top, left, height, width in boxes]
    ours = erasing.apply(FLOATS, *places, value.unsqueeze(0))
    assert torch.equal(ours, torch.stack(theirs))
    area = (places[2] * places[3]).float() / 120
    assert 0.1 < area.mean() < 0.25


@pytest.mark.parametrize("name", ["MixUp", "CutMix"])
def test_mixing_is_v2s(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """v2 draws one share, and one box, a batch; with the same for all, ours gives the same."""
    labels = torch.arange(64) % 5
    theirs = getattr(v2, name)(num_classes=5)
    drawn: dict[str, object] = {}
    make_params = theirs.make_params
    monkeypatch.setattr(theirs, "make_params", lambda inputs: drawn.update(make_params(inputs)) or drawn)
    torch.manual_seed(5)
    images, mixed = theirs(FLOATS, labels)
    mix = Mix(5, 1.0, cut=name == "CutMix")
    if name == "MixUp":
        ours = mix.blend(FLOATS, labels, torch.full((64,), drawn["lam"]))
    else:
        torch.manual_seed(5)
        share = float(theirs._dist.sample(()))
        across, row = torch.randint(10, size=(1,)), torch.randint(12, size=(1,))
        ours = mix.paste(FLOATS, labels, torch.full((64,), share), row.expand(64), across.expand(64))
    assert torch.allclose(ours[0], images, atol=1e-6, rtol=0)
    assert torch.allclose(ours[1], mixed, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "component",
    [
        "RandomHorizontalFlip",
        "RandomVerticalFlip",
        {"type": "RandomCrop", "size": [12, 10], "padding": 4},
        {"type": "RandomResizedCrop", "size": 8},
        {"type": "RandomRotation", "degrees": 30},
        {"type": "RandomRotation", "degrees": 30, "interpolation": "bilinear", "fill": 0.5},
        {"type": "RandomAffine", "degrees": 30, "interpolation": "bilinear"},
        {"type": "ColorJitter", "brightness": 0.5},
        {"type": "GaussianBlur", "kernel_size": 3},
        "GaussianNoise",
        {"type": "RandomErasing", "p": 1.0},
    ],
)
def test_every_sample_is_drawn_for_itself(component: object) -> None:
    (augmentation,) = build(component)
    same = IMAGES[:1].expand(32, -1, -1, -1).contiguous()
    one = augmentation(same, generator(0, "a"))
    assert len(one.flatten(1).unique(dim=0)) > 1
    assert torch.equal(one, augmentation(same, generator(0, "a")))
    assert not torch.equal(one, augmentation(same, generator(1, "a")))


def test_probabilities_are_kept() -> None:
    (flip,) = build({"type": "RandomHorizontalFlip", "p": 0.25})
    marked = torch.zeros(20_000, 1, 1, 2)
    marked[..., 0] = 1
    share = flip(marked, generator(0, "flip"))[..., 1].mean().item()
    assert abs(share - 0.25) < 0.01


@pytest.mark.parametrize("name", [*PER_SAMPLE, *FROM_V2])
def test_every_other_transform_of_v2_runs(name: str) -> None:
    needed = {
        "RandomResizedCrop": {"size": 8}, "RandomRotation": {"degrees": 10}, "RandomAffine": {"degrees": 10},
        "RandomPosterize": {"bits": 4}, "RandomSolarize": {"threshold": 0.5}, "GaussianBlur": {"kernel_size": 3},
        "RandomAdjustSharpness": {"sharpness_factor": 2},
    }  # fmt: skip
    (augmentation,) = build({"type": name, **needed.get(name, {})})
    large = IMAGES[:3].repeat(1, 1, 4, 5)
    if name != "RandomZoomOut":  # which enlarges the canvas, for detection
        assert augmentation(large, generator(0, name)).shape[:2] == (3, 3)


@functools.cache
def validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json_schema())


@pytest.mark.parametrize("name", [*BATCHED, *FROM_V2, *PER_SAMPLE, *MIXING])
def test_the_schema_of_specs_knows_it(name: str) -> None:
    arguments = {
        "RandomCrop": {"size": 8}, "RandomResizedCrop": {"size": 8}, "RandomRotation": {"degrees": 10},
        "RandomAffine": {"degrees": 10}, "RandomPosterize": {"bits": 4}, "RandomSolarize": {"threshold": 0.5},
        "GaussianBlur": {"kernel_size": 3}, "RandomAdjustSharpness": {"sharpness_factor": 2}, "MixUp": {"alpha": 0.5},
    }.get(name, {})  # fmt: skip
    spec = {"graphspec": 1, "inputs": {"x": ["N", 1]}, "layers": {"y": "ReLU"}}
    known = {**spec, "data": {"dataset": "digits", "augment": [{"type": name, **arguments}]}}
    assert validator().is_valid(known)
    unknown = {**spec, "data": {"dataset": "digits", "augment": [{"type": name, "num_classes": 3, **arguments}]}}
    assert not validator().is_valid(unknown)


def test_the_global_generator_is_left_alone() -> None:
    (augmentation,) = build("GaussianNoise")
    before = torch.get_rng_state()
    augmentation(IMAGES[:2], generator(0, "noise"))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_fill_is_of_floats() -> None:
    (crop,) = build({"type": "RandomCrop", "size": [14, 12], "padding": 1, "fill": 0.5})
    expected: Tensor = v2.Pad(1, fill=0.5)(IMAGES.float() / 255)
    assert torch.equal(crop(IMAGES, generator(0, "crop")), expected)


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ("RandomFlip", r"unknown augmentation"),
        ({"type": "RandomCrop"}, r'missing-argument.*needs "size"'),
        ({"type": "RandomCrop", "size": 8, "pading": 2}, r'unknown-argument.*did you mean "padding"'),
        ({"type": "RandomCrop", "size": 8, "padding": -1}, r"padding must be"),
        ({"type": "RandomCrop", "size": 0}, r"size must be"),
        ({"type": "RandomHorizontalFlip", "p": 1.5}, r"p must be between 0 and 1"),
        ({"type": "GaussianBlur", "kernel_size": 2}, r"bad-value"),
        ({"type": "RandomResizedCrop", "size": 8, "interpolation": "lanczos"}, r"nearest-exact, bilinear or bicubic"),
        ({"type": "RandomRotation", "degrees": 10, "expand": True}, r"expand and center are not to be had"),
        ({"type": "RandomRotation", "degrees": 10, "interpolation": "cubic"}, r"nearest or bilinear|cubic"),
        ({"type": "ColorJitter", "hue": 0.7}, r"bad-value.*hue"),
    ],
)
def test_what_is_wrong_is_said(component: object, expected: str) -> None:
    with pytest.raises(GraphspecError, match=expected):
        build(component)


@pytest.mark.parametrize(
    ("dataset", "component", "expected"),
    [
        ("iris", "RandomHorizontalFlip", r"is for images"),
        ("digits", {"type": "RandomCrop", "size": 9}, r"more than the padded image"),
        ("digits", "ElasticTransform", r"ElasticTransform fails on images of 1 × 8 × 8"),
        ("diabetes", "MixUp", r"mixes class labels"),
        ("digits", {"type": "CutMix", "alpha": 0.0}, r"alpha must be between"),
    ],
)
def test_what_cannot_work_on_the_data_is_said(dataset: str, component: object, expected: str) -> None:
    with pytest.raises(GraphspecError, match=expected):
        load(DataSpec.model_validate({"dataset": dataset, "augment": [component]}))


def test_mixing_comes_last() -> None:
    with pytest.raises(GraphspecError, match="come last"):
        load(DataSpec.model_validate({"dataset": "digits", "augment": ["MixUp", "RandomHorizontalFlip"]}))


@pytest.mark.parametrize("name", ["MixUp", "CutMix"])
def test_mixed_labels_sum_to_one(name: str) -> None:
    data = load(DataSpec.model_validate({"dataset": "digits", "augment": [name]}))
    batch = next(data.batches("train").shuffled(0))
    label = batch.targets["label"]
    assert label.shape == (32, 10)
    assert torch.allclose(label.sum(1), torch.ones(32))
    assert (label.max(1).values < 1).sum() > 16
    assert data.batch(4, "train").targets["label"].dtype == torch.int64


@pytest.mark.parametrize("name", ["MixUp", "CutMix"])
def test_several_labels_are_mixed_as_their_images_are(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each channel of an image shows one label, so that its mean is the label's share."""
    monkeypatch.chdir(tmp_path)
    y = np.random.default_rng(0).integers(0, 2, (40, 3))
    np.savez("d.npz", x=np.broadcast_to(y[:, :, None, None], (40, 3, 4, 4)).astype(np.float32), y=y)
    spec = {
        "graphspec": 1, "inputs": {"x": ["N", 3, 4, 4]},
        "layers": {"flat": "Flatten", "out": {"type": "Linear", "out_features": 3}},
        "data": {"dataset": {"type": "npz", "file": "d.npz"}, "root": ".", "augment": [name], "batch_size": 20},
        "train": {"loss": "BCEWithLogitsLoss"},
    }  # fmt: skip
    batch = next(data_of(spec).batches("train").shuffled(0))
    (images,), (labels,) = batch.inputs.values(), batch.targets.values()
    assert ((labels > 0) & (labels < 1)).any()
    assert torch.allclose(images.mean((2, 3)), labels, atol=1e-6)
