"""Augmentation while training: torchvision.transforms.v2's names, drawn for every sample of a batch.

A v2 transform called on a batch draws once for all samples, which is not augmentation. Here each draws a parameter per
sample and works on the whole batch; with the same parameters the pixels are v2's. Where there is no batched form, v2
itself runs sample by sample: correct, and slower.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from graphspec.data.augment import colour, crop, mix, noise, resized, rotate
from graphspec.data.augment.base import Augmentation, PerSample
from graphspec.data.augment.mix import Mix
from graphspec.data.augment.own import own_augmentation
from graphspec.data.seeds import generator
from graphspec.data.sources.source import Source
from graphspec.data.transforms import check_numbers, with_enums
from graphspec.data.transforms.own import TRANSFORMS as OWN
from graphspec.diagnostics import Path, fail
from graphspec.ops.components import choose, construct
from graphspec.spec.base import Component

#: Batched forms with arguments of their own.
BATCHED: dict[str, Callable[..., Augmentation]] = {
    "RandomHorizontalFlip": crop.horizontal_flip,
    "RandomVerticalFlip": crop.vertical_flip,
    "RandomCrop": crop.random_crop,
}
#: Batched forms made from the v2 transform, which has checked its arguments.
FROM_V2: dict[str, Callable[[Any], Augmentation]] = {
    "ColorJitter": colour.color_jitter,
    "RandomResizedCrop": resized.random_resized_crop,
    "RandomRotation": rotate.random_rotation,
    "GaussianNoise": noise.gaussian_noise,
    "GaussianBlur": noise.gaussian_blur,
    "RandomErasing": noise.random_erasing,
}
#: v2's other transforms of one image that numbers and names describe.
PER_SAMPLE = (
    "RandomAffine", "RandomPerspective", "ElasticTransform", "RandomGrayscale", "RandomInvert",
    "RandomPosterize", "RandomSolarize", "RandomAdjustSharpness", "RandomAutocontrast", "RandomEqualize",
    "RandomPhotometricDistort", "RandomChannelPermutation", "RandomZoomOut", "AutoAugment", "RandAugment",
    "TrivialAugmentWide", "AugMix",
)  # fmt: skip
#: Those that mix samples and their labels; they come last.
MIXING: dict[str, Callable[..., Mix]] = {"MixUp": mix.mix_up, "CutMix": mix.cut_mix}


def augmentations(components: Sequence[Component]) -> tuple[Augmentation, ...]:
    """What ``[data] augment`` lists, in order, but for MixUp and CutMix."""
    placed = ((component, ("data", "augment", i)) for i, component in enumerate(components))
    return tuple(augmentation(component, at) for component, at in placed if component.type not in MIXING)


def mixings(components: Sequence[Component], source: Source, applied: Mapping[str, Sequence[str]]) -> tuple[Mix, ...]:
    """The MixUp and CutMix of ``[data] augment``, which come last and mix the one input and the labels of `source`: the
    class of each sample, or the labels of which several may apply (`applied`, by target).
    """
    one = len(source.train.inputs) == len(source.train.targets) == 1
    classes = next((len(names) for names in (*source.labels.values(), *applied.values())), None)
    found = []
    for i, component in enumerate(components):
        at = ("data", "augment", i)
        if component.type in MIXING:
            if classes is None:
                raise fail("bad-value", f"{component.type} mixes class labels, the data set has none", at=at)
            if one and not applied and next(iter(source.train.targets.values())).ndim > 1:
                message = f"{component.type} mixes the label of a sample, here each of its positions has one"
                raise fail("bad-value", message, at=at, hint="remove it; other augmentations move images and masks")
            if not one:
                raise fail("bad-value", f"{component.type} mixes one input and one target, there are more", at=at)
            found.append(construct(component, MIXING[component.type], at, num_classes=classes))
        elif found:
            raise fail("bad-value", f"{component.type} stands after MixUp or CutMix, which come last", at=at)
    return tuple(found)


def check_augmentations(
    built: Sequence[Augmentation], components: Sequence[Component], inputs: list[Tensor], key: str = "augment"
) -> None:
    """Try each augmentation, of the list `key`, on a few samples of each of the `inputs` that are images.

    Raises ``GraphspecError`` where one cannot work on them, and where no input is an image.
    """
    if components and not inputs:
        raise fail("bad-value", f"{components[0].type} is for images", at=("data", key, 0))
    for images in inputs:
        for i, (augmentation, component) in enumerate(zip(built, components, strict=False)):
            at = ("data", key, i)
            try:
                images = augmentation(images, generator(0, "check"))
            except (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError) as error:
                size = " × ".join(map(str, images.shape[1:]))
                raise fail("bad-value", f"{component.type} fails on images of {size}: {error}", at=at) from error
            if images.is_floating_point() and not images.isfinite().all():
                raise fail("bad-value", f"{component.type} makes values that are not finite", at=at)


def augmentation(component: Component, at: Path) -> Augmentation:
    """One entry of ``[data] augment``, whose arguments are at `at`; not MixUp nor CutMix."""
    from torchvision.transforms import v2

    if component.type in OWN:
        return own_augmentation(component, at)
    check_numbers(component, at)
    table: dict[str, Any] = {name: getattr(v2, name) for name in (*FROM_V2, *PER_SAMPLE)} | BATCHED | MIXING | OWN
    chosen = choose(component, table, "augmentation", at)
    if component.type in BATCHED:
        return construct(component, chosen, at)
    theirs = construct(with_enums(component, chosen), chosen, at)
    if component.type not in FROM_V2:
        return PerSample(theirs)
    try:
        return FROM_V2[component.type](theirs)
    except ValueError as error:
        raise fail("bad-value", f"{component.type}: {error}", at=at) from error


__all__ = ["Augmentation", "Mix", "augmentations", "check_augmentations", "mixings"]
