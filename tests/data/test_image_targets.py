"""Targets that are images go with their image: every augmentation and size transform, held against torchvision.

The reference is torchvision.transforms.v2, given an image and its mask together, which draws once for both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from graphspec.data import load
from graphspec.data.augment import BATCHED, FROM_V2, PER_SAMPLE, augmentations
from graphspec.data.augment.follow import DRAWN, GEOMETRY, NOISE, VALUES, augmented, image_targets
from graphspec.data.samples import Samples
from graphspec.data.seeds import generator
from graphspec.diagnostics import GraphspecError
from graphspec.spec.base import Component
from graphspec.spec.data import DataSpec

SIZE = 12
ARGUMENTS: dict[str, dict[str, Any]] = {
    "RandomCrop": {"size": 8, "padding": 2}, "RandomResizedCrop": {"size": [8, 8]}, "RandomRotation": {"degrees": 40},
    "RandomAffine": {"degrees": 30, "translate": [0.2, 0.2], "scale": [0.8, 1.2], "shear": 10},
    "RandomPerspective": {"p": 1.0}, "RandomHorizontalFlip": {}, "RandomVerticalFlip": {},
    "ElasticTransform": {"sigma": 1.0, "alpha": 20.0}, "RandomErasing": {"p": 1.0}, "GaussianBlur": {"kernel_size": 3},
    "ColorJitter": {"brightness": 0.5}, "RandomPosterize": {"bits": 2, "p": 1.0},
    "RandomSolarize": {"threshold": 0.5, "p": 1.0},
    "RandomAdjustSharpness": {"sharpness_factor": 2.0, "p": 1.0},
}  # fmt: skip
MOVING = [name for name in GEOMETRY if name != "RandomZoomOut"]


def augment(name: str, samples: Samples) -> tuple[Tensor, Tensor]:
    """The image and the target behind one augmentation."""
    (step,) = augmentations([Component.model_validate({"type": name, **ARGUMENTS.get(name, {})})])
    inputs, targets = augmented(samples, [step], ["image"], image_targets(samples), generator(0, "test"))
    return inputs["image"], targets["target"]


def coordinates(times: int = 1) -> Tensor:
    """Images whose value says which pixel it is, from 1 on: ``4 × 1 × SIZE × SIZE``, `times` as large."""
    pixels = torch.arange(1.0, SIZE * SIZE + 1).view(1, 1, SIZE, SIZE).expand(4, 1, SIZE, SIZE)
    return pixels.repeat_interleave(times, 2).repeat_interleave(times, 3).contiguous()


def test_every_augmentation_is_of_one_kind() -> None:
    kinds = [set(GEOMETRY), VALUES, NOISE, DRAWN]
    assert set().union(*kinds) == {*BATCHED, *FROM_V2, *PER_SAMPLE}
    assert sum(map(len, kinds)) == len({*BATCHED, *FROM_V2, *PER_SAMPLE})


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64], ids=["float", "int"])
def test_a_mask_is_moved_with_its_image(name: str, dtype: torch.dtype) -> None:
    """The mask says which pixel is where, and so does the image (nearest, so that no value is mixed)."""
    arguments = ARGUMENTS.get(name, {}) | ({"interpolation": "nearest"} if name not in BATCHED else {})
    (step,) = augmentations([Component.model_validate({"type": name, **arguments})])
    mask = coordinates().to(dtype) if dtype.is_floating_point else coordinates()[:, 0].to(dtype)
    samples = Samples({"image": coordinates() / 256}, {"target": mask})
    assert image_targets(samples) == {"target": "mask"}
    inputs, targets = augmented(samples, [step], ["image"], {"target": "mask"}, generator(0, "test"))
    found = targets["target"].view(4, 1, *targets["target"].shape[-2:])
    assert found.dtype == dtype
    assert torch.equal((inputs["image"] * 256).round(), found.float())
    assert len({each.numpy().tobytes() for each in found}) > 1  # each sample has draws of its own
    if name in ("RandomAffine", "RandomPerspective", "ElasticTransform"):
        return
    assert set(found.unique().tolist()) <= {0, *range(1, SIZE * SIZE + 1)}


@pytest.mark.parametrize("name", ["RandomAffine", "RandomPerspective", "ElasticTransform"])
def test_what_has_no_batched_form_is_torchvisions_own_of_the_pair(name: str) -> None:
    image, mask = torch.rand(1, 3, SIZE, SIZE), torch.randint(0, 5, (1, SIZE, SIZE))
    samples = Samples({"image": image}, {"target": mask})
    found, moved = augment(name, samples)
    seed = int(torch.randint(2**62, (), generator=generator(0, "test")))
    torch.manual_seed(seed)
    expected = getattr(v2, name)(**ARGUMENTS.get(name, {}))(tv_tensors.Image(image[0]), tv_tensors.Mask(mask[0]))
    assert torch.equal(found[0], expected[0])
    assert torch.equal(moved[0], expected[1])


@pytest.mark.parametrize("name", ["RandomHorizontalFlip", "RandomVerticalFlip", "RandomCrop"])
def test_a_larger_target_is_moved_as_many_times_as_far(name: str) -> None:
    """Super-resolution: three times as large."""
    samples = Samples({"image": coordinates() / 256}, {"target": coordinates(3)})
    image, target = augment(name, samples)
    expected = (image * 256).round().repeat_interleave(3, 2).repeat_interleave(3, 3)
    assert torch.equal(target, expected)


def test_a_larger_target_is_cropped_and_resized_at_the_same_place() -> None:
    (step,) = augmentations(
        [Component.model_validate({"type": "RandomResizedCrop", "size": [SIZE, SIZE], "interpolation": "nearest"})]
    )
    samples = Samples({"image": coordinates() / 256}, {"target": coordinates(2)})
    inputs, targets = augmented(samples, [step], ["image"], {"target": "mask"}, generator(0, "test"))
    found = targets["target"][:, :, ::2, ::2]
    assert (found == (inputs["image"] * 256).round()).float().mean() > 0.7  # half pixels fall on either side


@pytest.mark.parametrize("name", sorted({*MOVING, *VALUES, *DRAWN} - {"RandomZoomOut"}))
def test_a_target_that_is_the_input_stays_the_input(name: str) -> None:
    image = torch.rand(4, 3, SIZE, SIZE)
    found, target = augment(name, Samples({"image": image}, {"target": image.clone()}))
    assert torch.equal(found, target)


@pytest.mark.parametrize("name", sorted(VALUES | NOISE))
def test_values_change_in_the_image_alone_where_the_target_is_a_mask(name: str) -> None:
    mask = torch.randint(0, 3, (4, SIZE, SIZE))
    image, target = augment(name, Samples({"image": torch.rand(4, 3, SIZE, SIZE)}, {"target": mask}))
    assert torch.equal(target, mask)
    assert image.shape == (4, 3, SIZE, SIZE)


def test_several_images_of_a_sample_are_moved_alike() -> None:
    (step,) = augmentations([Component.model_validate("RandomHorizontalFlip")])
    samples = Samples({"a": coordinates(), "b": coordinates()}, {})
    inputs, _ = augmented(samples, [step], ["a", "b"], {}, generator(0, "test"))
    assert torch.equal(inputs["a"], inputs["b"])


def arrays(root: Path, target: np.ndarray, image: np.ndarray | None = None, **data: Any) -> Any:
    image = np.random.default_rng(0).random((6, 1, 8, 8)).astype(np.float32) if image is None else image
    np.savez(root / "a.npz", image=image, mask=target)
    spec = {"dataset": {"type": "npz", "file": "a.npz", "targets": ["mask"]}, "validation": 0, "test": 0, **data}
    return load(DataSpec.model_validate(spec), root)


ZEROS, OTHER = np.zeros((6, 1, 8, 8), np.float32), np.random.default_rng(1).random((6, 1, 8, 8)).astype(np.float32)
LARGER = np.random.default_rng(1).random((6, 1, 12, 12)).astype(np.float32)
LEFT_BEHIND = {
    "drawn, mask": (ZEROS, {"augment": ["RandAugment"]}, 'RandAugment .* the target "mask"'),
    "colour, other image": (OTHER, {"augment": [{"type": "ColorJitter", "hue": 0.1}]}, 'ColorJitter .* target "mask"'),
    "noise, other image": (OTHER, {"augment": ["GaussianNoise"]}, 'GaussianNoise .* the target "mask"'),
    "crop, no whole times": (LARGER, {"augment": [{"type": "RandomCrop", "size": 4}]}, "is 12 × 12 and the image 8"),
    "affine, other size": (LARGER, {"augment": [{"type": "RandomAffine", "degrees": 3}]}, "is 12 × 12 and"),
    "resize, other size": (LARGER, {"transforms": [{"type": "Resize", "size": [4, 4]}]}, 'Resize .* "mask".*12 × 12'),
    "grey, other image": (OTHER, {"transforms": ["Grayscale"]}, 'Grayscale .* the target "mask"'),
}  # fmt: skip


@pytest.mark.parametrize("case", LEFT_BEHIND)
def test_what_would_leave_the_target_behind_is_refused_by_both_names(tmp_path: Path, case: str) -> None:
    target, data, expected = LEFT_BEHIND[case]
    with pytest.raises(GraphspecError, match=f"bad-value.*{expected}"):
        arrays(tmp_path, target, **data)


def test_noise_on_a_target_that_is_the_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphspecError, match=r'GaussianNoise .* the target "mask"'):
        arrays(tmp_path, OTHER, OTHER, augment=["GaussianNoise"])


@pytest.mark.parametrize(
    ("step", "args"),
    [("Resize", {"size": [4, 4]}), ("Resize", {"size": 5}), ("CenterCrop", {"size": 6}), ("Pad", {"padding": [1, 2]})],
)
def test_size_transforms_change_masks_as_torchvision_does(tmp_path: Path, step: str, args: dict[str, Any]) -> None:
    mask = (np.random.default_rng(0).random((6, 1, 8, 8)) > 0.5).astype(np.float32)
    data = arrays(tmp_path, mask, transforms=[{"type": step, **args}])
    image = torch.from_numpy(np.load(tmp_path / "a.npz")["image"])
    expected = getattr(v2, step)(**args)(tv_tensors.Image(image), tv_tensors.Mask(torch.from_numpy(mask)))
    assert torch.equal(data.train.inputs["image"], expected[0].as_subclass(Tensor))
    assert torch.equal(data.train.targets["mask"], expected[1].as_subclass(Tensor))


def test_size_transforms_change_a_target_that_is_the_input_with_it(tmp_path: Path) -> None:
    data = arrays(tmp_path, OTHER, OTHER, transforms=[{"type": "Resize", "size": [4, 4]}])
    assert torch.equal(data.train.inputs["image"], data.train.targets["mask"])


def test_a_batch_s_mask_is_that_of_its_image(tmp_path: Path) -> None:
    """Through the batches that training takes, crops cut out of resident images included."""
    image = (np.random.default_rng(0).random((6, 1, 8, 8)) > 0.5).astype(np.float32)
    augment = [{"type": "RandomCrop", "size": 8, "padding": 2}, "RandomHorizontalFlip"]
    step = {"type": "Normalize", "mean": [0.5], "std": [0.5]}
    data = arrays(tmp_path, image, image, augment=augment, transforms=[step])
    batches = data.batches("train")
    for batch in batches.shuffled(0):
        assert torch.equal(batch.inputs["image"] * 0.5 + 0.5, batch.targets["mask"])
        assert not torch.equal(batch.targets["mask"], torch.from_numpy(image)[batches.order(0)])
