"""``targets = "input"``: the target is what the network is given; ``corrupt`` changes the input alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphspec.data import load
from graphspec.data.dataset import DataSet
from graphspec.diagnostics import GraphspecError
from graphspec.spec.data import DataSpec

NOISE = [{"type": "GaussianNoise", "sigma": 0.2}]
CHANGES: dict[str, dict[str, Any]] = {
    "as stored": {},
    "normalised": {"transforms": [{"type": "Normalize", "mean": [0.5], "std": [0.5]}]},
    "resized": {"transforms": [{"type": "Resize", "size": [4, 4]}]},
    "flipped": {"augment": ["RandomHorizontalFlip"]},
    "cut out of windows": {"augment": [{"type": "RandomCrop", "size": 8, "padding": 2}]},
    "noise on both": {"augment": NOISE},
}


def digits(**data: Any) -> DataSet:
    return load(DataSpec.model_validate({"dataset": {"type": "digits", "targets": "input"}} | data))


@pytest.mark.parametrize("changes", CHANGES.values(), ids=list(CHANGES))
def test_the_target_is_what_the_network_is_given(changes: dict[str, Any]) -> None:
    data = digits(**changes)
    batches = data.batches("train")
    for batch in (next(batches.shuffled(1)), next(batches.in_order()), data.batch(4), data.batches("test").first(3)):
        assert torch.equal(batch.targets["image"], batch.inputs["image"])
        assert batch.inputs["image"].is_floating_point()
    assert not data.labels


@pytest.mark.parametrize("augment", [[], ["RandomHorizontalFlip"]], ids=["plain", "augmented"])
def test_noise_is_put_on_the_input_alone(augment: list[Any]) -> None:
    clean, noisy = digits(augment=augment), digits(augment=augment, corrupt=NOISE)
    one, other = (next(data.batches("train").shuffled(0)) for data in (clean, noisy))
    assert torch.equal(one.targets["image"], other.targets["image"])
    assert 0.05 < (other.inputs["image"] - other.targets["image"]).std() < 0.2  # clipped to [0, 1]
    first, again = (next(noisy.batches("train").shuffled(epoch)) for epoch in (0, 1))
    assert not torch.equal(first.inputs["image"], again.inputs["image"])


def test_what_is_measured_is_corrupted_alike_every_time_and_what_is_predicted_is_not() -> None:
    data = digits(corrupt=NOISE)
    first, again = (next(data.batches("validation").in_order()) for _ in range(2))
    assert torch.equal(first.inputs["image"], again.inputs["image"])
    assert not torch.equal(first.inputs["image"], first.targets["image"])
    assert torch.equal(data.batch(4).inputs["image"], data.batch(4).targets["image"])


def test_arrays_without_a_target_and_tables(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.arange(40.0).reshape(10, 4))
    spec = {"dataset": {"type": "npz", "file": "x.npz", "targets": "input"}, "transforms": ["StandardScaler"]}
    batch = load(DataSpec.model_validate(spec), tmp_path).batch(5, "train")
    assert torch.equal(batch.inputs["x"], batch.targets["x"])
    assert batch.inputs["x"].abs().max() < 3


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"corrupt": ["RandomRotation"]}, "RandomRotation"),
        ({"corrupt": ["RandomHorizontalFlip"]}, "moves pixels, and corrupt changes the input alone"),
        ({"dataset": {"type": "iris", "targets": "input"}, "corrupt": NOISE}, "GaussianNoise is for images"),
        ({"dataset": {"type": "digits", "targets": "x"}}, 'digits has no argument "targets"'),
        ({"augment": ["MixUp"]}, "MixUp mixes class labels"),
    ],
)
def test_what_cannot_be_is_refused(data: dict[str, Any], said: str) -> None:
    with pytest.raises(GraphspecError, match=said):
        digits(**data)
