"""The transforms that ``[data] transforms`` may name, one row each, and those of a spec in their order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from graphspec.data.transforms.arguments import LARGEST_IMAGE
from graphspec.data.transforms.base import SizeTransform
from graphspec.data.transforms.colours import RGB, Grayscale
from graphspec.data.transforms.crop import CenterCrop
from graphspec.data.transforms.normalize import Normalize, StandardScaler
from graphspec.data.transforms.own import TRANSFORMS as OWN
from graphspec.data.transforms.own import OwnStep
from graphspec.data.transforms.pad import Pad
from graphspec.data.transforms.resize import Resize
from graphspec.diagnostics import Path, fail
from graphspec.ops.components import choose, construct
from graphspec.spec.base import Component

#: Of an image's size or channels: applied once, when the data are read, to whatever dtype the images have.
SIZE_TRANSFORMS: Mapping[str, type[SizeTransform]] = {
    cls.__name__: cls for cls in (Resize, CenterCrop, Grayscale, RGB, Pad)
}
#: Of values: applied batch by batch, after all of the others.
VALUE_TRANSFORMS: Mapping[str, type[Normalize] | type[StandardScaler]] = {
    cls.__name__: cls for cls in (Normalize, StandardScaler)
}
#: What takes the arguments of each, by name.
TRANSFORMS: Mapping[str, Any] = {**SIZE_TRANSFORMS, **VALUE_TRANSFORMS}

_FLOATS = ("float16", "bfloat16", "float32", "float64")


@dataclasses.dataclass(frozen=True, slots=True)
class SizeTransforms:
    """Transforms of torchvision.transforms.v2, and of the user's own, that are applied once, when the data are read."""

    steps: tuple[SizeTransform, ...]

    def __call__(self, images: Tensor) -> Tensor:
        for step in self.steps:
            images = step(images)
        return images

    def of_mask(self, labels: Tensor) -> Tensor:
        """The whole numbers `labels`, ``… × H × W``, of images that this is applied to: moved with them by nearest."""
        from torchvision import tv_tensors

        mask: Any = tv_tensors.Mask(labels)
        for step in self.steps:
            mask = mask if step.colours else step(mask)
        found: Tensor = mask.as_subclass(Tensor)
        return found

    @property
    def names(self) -> list[str]:
        """By which the spec knows them."""
        return [step.name for step in self.steps]

    @property
    def own(self) -> list[str]:
        """Those of the user's."""
        return [step.name for step in self.steps if isinstance(step, OwnStep)]

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse (``too-large``) steps that make more than ``LARGEST_IMAGE`` pixels of an image of `shape`, C × H × W.

        No pixel is computed: the steps run on a tensor that has a shape alone.
        """
        image = torch.empty(shape, dtype=torch.uint8, device="meta")
        for i, (name, step) in enumerate(zip(self.names, self.steps, strict=True)):
            at = ("data", "transforms", i)
            image = _tried(step, image, name, at)
            if image.shape[-2] * image.shape[-1] > LARGEST_IMAGE:
                size = " × ".join(map(str, image.shape[-2:]))
                raise fail("too-large", f"{name} makes images of {size} pixels", at=at)

    def as_dicts(self) -> list[dict[str, Any]]:
        """As a spec writes them."""
        return [step.as_dict() for step in self.steps]


def _tried(step: Callable[[Tensor], Tensor], image: Tensor, name: str, at: Path) -> Tensor:
    try:
        return step(image)
    except (RuntimeError, ValueError, TypeError, OverflowError) as error:
        size = " × ".join(map(str, image.shape))
        message = f"{name} fails on images of {size}: {str(error).splitlines()[0]}"
        raise fail("bad-value", message, at=at) from error


def size_transforms(components: Sequence[Component]) -> SizeTransforms:
    """Those of `components` that change an image's size or channels; they stand before all others."""
    last = last_of_sizes(components)
    for i, component in enumerate(components[: last + 1]):
        if component.type in VALUE_TRANSFORMS:
            later, at = components[last].type, ("data", "transforms", i)
            raise fail("bad-value", f"{component.type} stands before {later}", at=at, hint=f"{later} goes first")
    for i, component in enumerate(components[last + 1 :], last + 1):
        _entry(component, ("data", "transforms", i))
    return SizeTransforms(tuple(_size_step(component, i) for i, component in enumerate(components[: last + 1])))


def last_of_sizes(components: Sequence[Component]) -> int:
    """The place of the last of `components` that is applied when the data are read; -1 where none is."""
    return max((i for i, each in enumerate(components) if each.type in SIZE_TRANSFORMS or each.type in OWN), default=-1)


def _size_step(component: Component, index: int) -> SizeTransform:
    at = ("data", "transforms", index)
    chosen: type[SizeTransform] = OwnStep if component.type in OWN else _entry(component, at)
    return chosen.of(component, at)


def resolved(components: Sequence[Component]) -> tuple[SizeTransforms, tuple[Normalize, ...]]:
    """The steps of `components` as :attr:`DataSet.transforms` has noted them: nothing is left to learn.

    Raises ``GraphspecError`` where that is not so.
    """
    sizes = size_transforms(components)
    values = []
    for i, component in enumerate(components[len(sizes.steps) :], len(sizes.steps)):
        at = ("data", "transforms", i)
        numbers = value_numbers(component, at)
        if numbers is None:
            raise fail("bad-value", f"{component.type} has no numbers here", at=at)
        values.append(Normalize(*numbers))
    return sizes, tuple(values)


def noted(values: Mapping[str, Sequence[Normalize]]) -> list[dict[str, Any]]:
    """The scaling of each input with its numbers, as a spec would write it; of several inputs, ``input`` says which."""
    of = ((name, step) for name, steps in values.items() for step in steps)
    return [step.as_dict() | ({} if len(values) == 1 else {"input": name}) for name, step in of]


def transforms_by_input(
    components: Sequence[Component], offset: int, inputs: Mapping[str, Tensor], dtypes: Mapping[str, str] | None = None
) -> dict[str, tuple[Normalize, ...]]:
    """:func:`value_transforms` of each of the training part's `inputs`.

    Of several inputs, Normalize is for the images and StandardScaler for the tables, each with its own statistics;
    where there are only images, or only tables, both are for all. What a network takes as whole numbers (tokens), by
    the `dtypes` of its inputs, stays as it is; so do whole numbers of which the dtype is not known.
    """
    kinds = dtypes or {}
    if len(inputs) == 1:
        return {name: value_transforms(components, offset, value) for name, value in inputs.items()}
    images = [name for name, value in inputs.items() if value.ndim == 4]
    floats = [n for n, v in inputs.items() if kinds.get(n, "float32" if v.is_floating_point() else "int64") in _FLOATS]
    tables = [name for name, value in inputs.items() if value.ndim < 4 and name in floats]
    meant = {"Normalize": images or tables, "StandardScaler": tables or images}
    others = {name: [c for c in components if name not in meant.get(c.type, inputs)] for name in inputs}
    return {name: value_transforms(components, offset, value, others[name]) for name, value in inputs.items()}


def value_transforms(
    components: Sequence[Component], offset: int, sample: Tensor, left_out: Sequence[Component] = ()
) -> tuple[Normalize, ...]:
    """The transforms behind the size transforms (of which there are `offset`), statistics taken from `sample`.

    `sample` is the training part's input, ``N × C × …``; Normalize must have one number for each of its C channels.
    Those `left_out` are checked alone.
    """
    steps: list[Normalize] = []
    for i, component in enumerate(components[offset:], offset):
        at = ("data", "transforms", i)
        numbers = value_numbers(component, at)
        if component in left_out:
            continue
        step = Normalize(*numbers) if numbers else StandardScaler.learned(sample, steps)
        channels = sample.shape[1] if sample.ndim > 1 else 1
        if len(step.mean) not in (1, channels):
            raise fail(
                "shape-mismatch", f"{component.type} has {len(step.mean)} channels, the data have {channels}", at=at
            )
        steps.append(step)
    return tuple(steps)


def value_numbers(component: Component, at: Path) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and standard deviation that a value transform names, None where they come from the data."""
    function = _entry(component, at).signature()  # size transforms stand before all others
    numbers: tuple[tuple[float, ...], tuple[float, ...]] | None = construct(component, function, at)
    return numbers


def _entry(component: Component, at: Path) -> Any:
    """What `component` names, among the user's own too."""
    if component.type in ("ToTensor", "ToImage", "ToDtype"):
        message = f"{component.type} is not needed: images arrive as floats in [0, 1]"
        raise fail("unknown-component", message, at, "remove it")
    return choose(component, {**TRANSFORMS, **OWN}, "transform", at)
