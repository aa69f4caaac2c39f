"""Augmentation draws for every sample, and its pixels are torchvision.transforms.v2's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from graphspec.data import load
from graphspec.data.augment import PER_SAMPLE, Flip, RandomCrop, augmentations
from graphspec.data.seeds import generator
from graphspec.diagnostics import GraphspecError
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


@pytest.mark.parametrize(
    "component",
    [
        "RandomHorizontalFlip",
        "RandomVerticalFlip",
        {"type": "RandomCrop", "size": [12, 10], "padding": 4},
        {"type": "RandomResizedCrop", "size": 8},
        {"type": "RandomRotation", "degrees": 30},
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


@pytest.mark.parametrize("name", PER_SAMPLE)
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
    ],
)
def test_what_cannot_work_on_the_data_is_said(dataset: str, component: object, expected: str) -> None:
    with pytest.raises(GraphspecError, match=expected):
        load(DataSpec.model_validate({"dataset": dataset, "augment": [component]}))
