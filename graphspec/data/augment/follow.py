"""Targets that are images follow their input: what moves its pixels moves theirs, or is refused.

As in torchvision.transforms.v2, where an image and its mask go through one transform together: geometry moves both,
values change in the image alone. A target that is the input itself goes with it in everything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from graphspec.data.augment.base import Augmentation, Geometry, PerSample
from graphspec.data.samples import Samples
from graphspec.data.streamed import OnDisk
from graphspec.data.transforms import SizeTransforms, to_float
from graphspec.data.transforms.own import TRANSFORMS
from graphspec.diagnostics import GraphspecError, Path, fail, quoted, warn
from graphspec.spec.base import Component

#: A target that is an image: a mask, whose values are labels; the input itself; or another image.
Kind = Literal["mask", "same", "image"]

#: Transforms that move pixels, by whether a target of another size than the image can be moved with it.
GEOMETRY = {
    "RandomHorizontalFlip": True, "RandomVerticalFlip": True, "RandomRotation": True, "RandomCrop": True,
    "RandomResizedCrop": True, "RandomAffine": False, "RandomPerspective": False, "ElasticTransform": False,
    "RandomZoomOut": False,
}  # fmt: skip
#: Those that cut out a part at a place in pixels: another size must be a whole number of times as large.
_CUTTING = ("RandomCrop", "RandomResizedCrop")
#: Those that change values, of a mask's image alone.
VALUES = frozenset(
    (
        "ColorJitter GaussianBlur RandomErasing RandomGrayscale RandomInvert RandomPosterize RandomSolarize "
        "RandomAdjustSharpness RandomAutocontrast RandomEqualize RandomPhotometricDistort RandomChannelPermutation"
    ).split()
)
#: Transforms that change where something is in an image.
SIZING = frozenset(("Resize", "CenterCrop", "Pad"))
#: Noise is another one for every image that it is put on.
NOISE = frozenset(("GaussianNoise",))
#: Those that draw which transforms they apply, moving ones among them; v2 too has them for images alone.
DRAWN = frozenset(("AutoAugment", "RandAugment", "TrivialAugmentWide", "AugMix"))


def image_targets(samples: Samples) -> dict[str, Kind]:
    """The targets of `samples` that are images, and of which kind; none where no input is an image."""
    images = [value for value in samples.inputs.values() if value.ndim == 4]
    return {name: _kind(value, images) for name, value in samples.targets.items() if images and _is_image(value)}


def _is_image(value: Tensor) -> bool:
    """``N × C × H × W``, or whole numbers ``N × H × W``; a single value by channel is none."""
    return (value.ndim == 4 or (value.ndim == 3 and not value.is_floating_point())) and value.shape[-2:].numel() > 1


def _kind(value: Tensor, images: Sequence[Tensor]) -> Kind:
    whole = not value.is_floating_point() or bool((value == value.floor()).all())
    same = len(images) == 1 and not isinstance(images[0], OnDisk) and value.shape == images[0].shape
    same = same and torch.equal(value, to_float(images[0]).to(value.dtype))
    if whole and (not same or float(value.max()) <= 1):
        return "mask"
    return "same" if same else "image"


def check_followers(components: Sequence[Component], samples: Samples, kinds: Mapping[str, Kind]) -> None:
    """Raise ``GraphspecError`` for the first of the augmentations `components` that leaves a target behind."""
    sizes = {tuple(value.shape[-2:]) for value in samples.inputs.values() if value.ndim == 4}
    for i, component in enumerate(components):
        for name, kind in kinds.items():
            size = tuple(samples.targets[name].shape[-2:])
            if reason := _reason(component.type, kind, size, sizes):
                raise _left_behind(component.type, name, reason, ("data", "augment", i))


def say_what_stays(
    augment: Sequence[Component], transforms: Sequence[Component], samples: Samples, labels: Collection[str]
) -> None:
    """Say where what is regressed may be a place in images, and they are moved alone: of one value it is not known."""
    images = any(value.ndim == 4 for value in samples.inputs.values())
    places = {
        name: value
        for name, value in samples.targets.items()
        if value.ndim == 2 and value.shape[1] > 1 and name not in labels and value.is_floating_point()
    }
    if not (images and places):
        return
    target, values = next(iter(places.items()))
    moving = [("augment", i) for i, component in enumerate(augment) if component.type in {*GEOMETRY, *DRAWN}]
    shares = bool(values.min() >= 0) and bool(values.max() <= 1)  # of height and width, which Resize leaves
    moving += [
        ("transforms", i)
        for i, component in enumerate(transforms)
        if component.type in SIZING and not (component.type == "Resize" and shares)
    ]
    if moving:
        key, i = moving[0]
        name = (augment if key == "augment" else transforms)[i].type
        message = f"{name} moves what is in the images, and the target {quoted(target)} stays as it is"
        hint = f"leave {name} out where it is points, boxes or directions"
        warn("bad-value", message, at=("data", key, i), hint=hint)


def _reason(name: str, kind: Kind, size: tuple[int, ...], sizes: set[tuple[int, ...]]) -> str:
    """Why `name` cannot be applied where a target of `kind` and `size` belongs to images of `sizes`, else empty."""
    if name in TRANSFORMS and kind != "same":
        return _own_reason(TRANSFORMS[name].geometry, kind, sizes == {size})
    if kind == "same":
        return "noise on both is another noise on each, and on the input alone it is another task" * (name in NOISE)
    if name in DRAWN:
        return "it draws what it does for the image alone"
    if name in VALUES | NOISE:
        return "whether its values change too is not known" * (kind == "image")
    if name not in GEOMETRY or sizes == {size}:
        return ""
    if len(sizes) > 1:
        return f"the inputs' images differ in size: {_listed(sizes)}"
    ((height, width),) = sizes
    times = size[1] // width
    whole = times >= 1 and size == (height * times, width * times)
    if not GEOMETRY[name] or (name in _CUTTING and not whole) or size[0] * width != size[1] * height:
        return f"it is {size[0]} × {size[1]} and the image {height} × {width}"
    return ""


def _own_reason(geometry: bool | None, kind: Kind, fits: bool) -> str:
    """The same of a transform of the user's own, which is called for one image at a time."""
    if geometry is None:
        return "whether it moves pixels is not known: @graphspec.transform(geometry=True) or False says so"
    if geometry:
        return "" if fits else "it is of another size than the image"
    return "whether its values change too is not known" * (kind == "image")


def _left_behind(name: str, target: str, reason: str, at: Path) -> GraphspecError:
    message = f"{name} changes the images and cannot take the target {quoted(target)} with them: {reason}"
    return fail("bad-value", message, at=at, hint=f"leave {name} out, or change both before they are stored")


def augmented(
    batch: Samples,
    augment: Sequence[Augmentation],
    names: Sequence[str],
    kinds: Mapping[str, Kind],
    draw: torch.Generator,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The inputs and targets of `batch`: the images called `names` augmented, those that belong to them with them.

    All of them have the same draws.
    """
    inputs, targets = dict(batch.inputs), dict(batch.targets)
    many = len(names) + len(kinds) > 1
    for augmentation in augment if names else ():
        before = draw.get_state() if many else None
        height, width = inputs[names[0]].shape[-2:]
        inputs[names[0]] = augmentation(inputs[names[0]], draw)
        if before is None:
            continue
        after = draw.get_state()
        for name in names[1:]:
            draw.set_state(before)
            inputs[name] = augmentation(inputs[name], draw)
        for name, kind in kinds.items():
            if kind != "same" and (move := mover(augmentation)) is not None:
                draw.set_state(before)
                targets[name] = move(targets[name], kind == "mask", (height, width), draw)
        draw.set_state(after)
    for name, kind in kinds.items():
        if kind == "same" and augment:
            targets[name] = to_float(inputs[names[0]]).clone()
    return inputs, targets


def mover(augmentation: Augmentation) -> Callable[..., Tensor] | None:
    """What moves a target as `augmentation` moves images; None where it leaves pixels where they are."""
    if isinstance(augmentation, PerSample) and type(augmentation.transform).__name__ not in GEOMETRY:
        return None
    return augmentation.moved if isinstance(augmentation, Geometry) else None


def resized(samples: Samples, sizes: SizeTransforms) -> Samples:
    """`samples`, in memory, with their images brought to size, and targets that are images with them."""
    images = {name: value for name, value in samples.inputs.items() if value.ndim == 4}
    if not images:
        raise fail("bad-value", f"{sizes.names[0]} is for images", at=("data", "transforms", 0))
    for value in images.values():
        sizes.check(tuple(value.shape[1:]))
    kinds = image_targets(samples)
    before = {tuple(value.shape[-2:]) for value in images.values()}
    targets = {
        name: _resized(name, value, kinds[name], sizes, before) if kinds.get(name, "same") != "same" else value
        for name, value in samples.targets.items()
    }
    changed = {name: sizes(value) for name, value in images.items()}
    for name, kind in kinds.items():
        if kind == "same":
            targets[name] = to_float(next(iter(changed.values()))).clone()
    return Samples({**samples.inputs, **changed}, targets)


def _resized(name: str, target: Tensor, kind: Kind, sizes: SizeTransforms, images: set[tuple[int, ...]]) -> Tensor:
    from torchvision import tv_tensors

    value: Any = tv_tensors.Mask(target) if kind == "mask" else tv_tensors.Image(target) if target.ndim == 4 else target
    for i, (step_name, step) in enumerate(zip(sizes.names, sizes.steps, strict=True)):
        at = ("data", "transforms", i)
        if step.colours:
            if kind == "image":
                raise _left_behind(step_name, name, "whether its colours change too is not known", at)
            continue
        if images != {tuple(target.shape[-2:])}:
            listed = _listed(images)
            reason = f"it is {target.shape[-2]} × {target.shape[-1]} and the image {listed}"
            raise _left_behind(step_name, name, reason, at)
        value = step(value)
    return value.as_subclass(Tensor) if isinstance(value, tv_tensors.TVTensor) else value


def _listed(sizes: set[tuple[int, ...]]) -> str:
    return ", ".join(sorted(f"{height} × {width}" for height, width in sizes))
