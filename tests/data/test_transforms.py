"""Transforms give torchvision's and scikit-learn's own numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from sklearn.preprocessing import StandardScaler
from torchvision.transforms import Compose, Normalize, ToTensor, v2

from graphspec.data import load
from graphspec.diagnostics import GraphspecError
from graphspec.spec.data import DataSpec


def spec(dataset: object, **more: object) -> DataSpec:
    return DataSpec.model_validate({"dataset": dataset, **more})


@pytest.mark.parametrize("std", [[0.247, 0.2435, 0.2616], [0.5, 0.5, 0.5], [0.25, 2.0, 1.0], [0.5, 0.3, 0.5]])
def test_normalize_is_bit_equal_to_to_tensor_and_normalize(std: list[float], cifar10: Path) -> None:
    mean = [0.4914, 0.4822, 0.4465]
    transforms = [{"type": "Normalize", "mean": mean, "std": std}]
    data = load(spec("CIFAR10", validation=0, transforms=transforms), cifar10)
    ours = data.batch(20, "train").inputs["image"]
    theirs = Compose([ToTensor(), Normalize(mean, std)])
    images = data.train.inputs["image"].permute(0, 2, 3, 1).numpy()
    assert torch.equal(ours, torch.stack([theirs(Image.fromarray(image)) for image in images]))


def test_resize_is_v2s(fashion: Path) -> None:
    resize = {"type": "Resize", "size": [14, 20], "interpolation": "nearest"}
    data = load(spec("FashionMNIST", validation=0, transforms=[resize]), fashion)
    plain = load(spec("FashionMNIST", validation=0), fashion)
    expected = v2.Resize([14, 20], interpolation=v2.InterpolationMode.NEAREST)(plain.train.inputs["image"])
    assert torch.equal(data.train.inputs["image"], expected)
    assert data.test.open().inputs["image"].shape == (20, 1, 14, 20)


def test_standard_scaler_is_scikit_learns_on_the_training_part_alone() -> None:
    data = load(spec("breast_cancer", transforms=["StandardScaler"]))
    theirs = StandardScaler().fit(data.train.inputs["features"].double().numpy())
    (ours,) = data.transforms
    assert ours["mean"] == pytest.approx(theirs.mean_.tolist(), rel=1e-9)
    assert ours["std"] == pytest.approx(theirs.scale_.tolist(), rel=1e-9)
    assert data.validation is not None
    expected = theirs.transform(data.validation.inputs["features"].double().numpy())
    got = data.batch(len(data.validation)).inputs["features"].double()
    assert torch.allclose(got, torch.from_numpy(expected), atol=1e-4)


def test_the_stored_samples_stay_as_they_are() -> None:
    data = load(spec("digits", transforms=[{"type": "Normalize", "mean": [0.3], "std": [0.4]}]))
    before = data.fingerprint
    for _ in data.batches("train").shuffled(0):
        pass
    assert load(spec("digits")).fingerprint == before


@pytest.mark.parametrize(
    ("transforms", "expected"),
    [
        (["Normalise"], r'unknown transform "Normalise"; did you mean "Normalize"'),
        (["ToTensor"], r"ToTensor is not needed"),
        ([{"type": "Normalize", "mean": [0.5]}], r'missing-argument.*needs "std"'),
        ([{"type": "Normalize", "mean": [0.5], "std": [0.0]}], r"std must be above 0"),
        ([{"type": "Normalize", "mean": 0.5, "std": 0.5}], r"are lists"),
        ([{"type": "Normalize", "mean": [0.5, 0.5], "std": [1, 1]}], r"has 2 channels, the data have 1"),
        ([{"type": "Normalize", "mean": [0.5], "std": [1]}, {"type": "Resize", "size": 4}], r"Resize goes first"),
        ([{"type": "Resize", "sizes": 4}], r'unknown-argument.*did you mean "size"'),
    ],
)
def test_what_is_wrong_is_said(transforms: list[object], expected: str) -> None:
    with pytest.raises(GraphspecError, match=expected):
        load(spec("digits", transforms=transforms))


def test_a_table_has_no_size() -> None:
    with pytest.raises(GraphspecError, match="Resize is for images"):
        load(spec("iris", transforms=[{"type": "Resize", "size": 4}]))
