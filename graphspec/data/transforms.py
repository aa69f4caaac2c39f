"""What is done to every sample, in training and after: sizes once when the data are read, values batch by batch.

Images become floats in [0, 1] exactly as ToTensor makes them, and Normalize gives ToTensor + Normalize's own bits.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from graphspec.data.streamed import OnDisk
from graphspec.diagnostics import Path, fail
from graphspec.ops.components import choose, construct
from graphspec.spec.base import Component

#: torchvision.transforms.v2's deterministic transforms of an image's size or channels: uint8 in, uint8 out.
SIZE_TRANSFORMS = ("Resize", "CenterCrop", "Grayscale", "Pad")


#: Pixels an image may have before it counts as a decompression bomb (Pillow's own limit is a warning).
LARGEST_IMAGE = 64 * 1024 * 1024
#: Pixels along one side of what a transform makes, or puts around an image.
LARGEST_SIDE = 1 << 15
_SIDES = ("size", "padding", "max_size")
#: What other arguments of transforms may be at most.
_MOST = {
    "num_ops": 100, "mixture_width": 100, "chain_depth": 100, "num_magnitude_bins": 10_000, "kernel_size": 1001,
    "side_range": 16, "sigma": 1e6, "num_output_channels": 3,
}  # fmt: skip


def normalize(mean: Sequence[float], std: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """``(x - mean) / std`` by channel (dimension 1): one number a channel, `std` above 0."""
    if not isinstance(mean, Sequence) or not isinstance(std, Sequence) or isinstance(mean, str) or isinstance(std, str):
        raise ValueError("mean and std are lists, one number a channel")
    if len(mean) != len(std):
        raise ValueError(f"mean has {len(mean)} numbers, std has {len(std)}")
    if not all(value > 0 for value in std):
        raise ValueError("std must be above 0")
    return tuple(map(float, mean)), tuple(map(float, std))


def standard_scaler() -> None:
    """Normalize with the mean and standard deviation of the training part (scikit-learn's StandardScaler)."""


_FLOATS = ("float16", "bfloat16", "float32", "float64")
VALUE_TRANSFORMS: dict[str, Callable[..., Any]] = {"Normalize": normalize, "StandardScaler": standard_scaler}


@dataclasses.dataclass(frozen=True, slots=True)
class Normalize:
    """``(x - mean) / std`` by channel, on a float batch ``N × C × …``, in place."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, batch: Tensor) -> Tensor:
        mean = _by_channel(self.mean, batch.dtype, batch.device, batch.ndim)
        if (factors := _exact_reciprocals(self.std)) is not None:
            return batch.sub_(mean).mul_(_by_channel(factors, batch.dtype, batch.device, batch.ndim))
        std = _by_channel(self.std, batch.dtype, batch.device, batch.ndim)
        return batch.sub_(mean).div_(std)

    def as_dict(self) -> dict[str, Any]:
        """As a spec writes it, numbers resolved: what an export ships."""
        return {"type": "Normalize", "mean": list(self.mean), "std": list(self.std)}


def scaled(batch: Tensor, steps: Sequence[Normalize]) -> Tensor:
    """`batch`, which may be changed in place, behind `steps`: images as floats in [0, 1], other numbers as they are.

    Whole numbers and float64 are scaled in float64 and rounded to float32 last; whole numbers without steps stay whole.
    """
    values = to_float(batch)
    if steps and values.dtype != torch.float32:
        values = values.to(torch.float64)
    for step in steps:
        values = step(values)
    return values.to(torch.float32) if values.dtype == torch.float64 else values


@functools.lru_cache(maxsize=64)
def _by_channel(numbers: tuple[float, ...], dtype: torch.dtype, device: torch.device, ndim: int) -> Tensor:
    """`numbers` shaped to broadcast along dimension 1 of a batch; kept, as making them costs more than using them."""
    with torch.inference_mode(False):
        return torch.tensor(numbers, dtype=dtype, device=device).view(1, -1, *[1] * (ndim - 2))


@functools.lru_cache(maxsize=64)
def _exact_reciprocals(numbers: tuple[float, ...]) -> tuple[float, ...] | None:
    """One over each of `numbers` where all are powers of two: to multiply is then to divide, in half the time."""
    exact = all(math.frexp(number)[0] == 0.5 and 2**-60 < number < 2**60 for number in numbers)
    return tuple(1 / number for number in numbers) if exact else None


def to_float(batch: Tensor) -> Tensor:
    """uint8 images as floats in [0, 1], bit-equal to torchvision's ToTensor; anything else as it is."""
    return batch.to(torch.float32).div_(255) if batch.dtype == torch.uint8 else batch


@dataclasses.dataclass(frozen=True, slots=True)
class SizeTransforms:
    """Transforms of torchvision.transforms.v2 that are applied once, when the data are read."""

    components: tuple[Component, ...]
    steps: tuple[Any, ...]

    def __call__(self, images: Tensor) -> Tensor:
        for step in self.steps:
            images = step(images)
        return images

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse (``too-large``) steps that make more than ``LARGEST_IMAGE`` pixels of an image of `shape`, C × H × W.

        No pixel is computed: the steps run on a tensor that has a shape alone.
        """
        image = torch.empty(shape, dtype=torch.uint8, device="meta")
        for i, (component, step) in enumerate(zip(self.components, self.steps, strict=True)):
            at = ("data", "transforms", i)
            image = _tried(step, image, component, at)
            if image.shape[-2] * image.shape[-1] > LARGEST_IMAGE:
                size = " × ".join(map(str, image.shape[-2:]))
                raise fail("too-large", f"{component.type} makes images of {size} pixels", at=at)

    def as_dicts(self) -> list[dict[str, Any]]:
        """As a spec writes them."""
        return [{"type": component.type, **component.args} for component in self.components]


def _tried(step: Any, image: Tensor, component: Component, at: Path) -> Tensor:
    try:
        found: Tensor = step(image)
        return found
    except (RuntimeError, ValueError, TypeError, OverflowError) as error:
        size = " × ".join(map(str, image.shape))
        message = f"{component.type} fails on images of {size}: {str(error).splitlines()[0]}"
        raise fail("bad-value", message, at=at) from error


def check_numbers(component: Component, at: Path) -> None:
    """Refuse (``too-large``) an argument that makes a transform take more time or memory than any image is worth."""
    for name, value in component.args.items():
        most = _MOST.get(name, LARGEST_SIDE if name in _SIDES else None)
        numbers = value if isinstance(value, list | tuple) else [value]
        for number in numbers:
            if most is not None and isinstance(number, int | float) and abs(number) > most:
                raise fail("too-large", f"{component.type}: {name} is at most {most:,}, not {number:,}", at=(*at, name))


def size_transforms(components: Sequence[Component]) -> SizeTransforms:
    """Those of `components` that change an image's size or channels; they stand before all others."""
    last = max((i for i, component in enumerate(components) if component.type in SIZE_TRANSFORMS), default=-1)
    for i, component in enumerate(components[: last + 1]):
        if component.type in VALUE_TRANSFORMS:
            later = components[last].type
            raise fail(
                "bad-value",
                f"{component.type} stands before {later}",
                at=("data", "transforms", i),
                hint=f"{later} goes first",
            )
    chosen = tuple(components[: last + 1])
    return SizeTransforms(chosen, tuple(_size_step(component, i) for i, component in enumerate(chosen)))


def _size_step(component: Component, index: int) -> Any:
    from torchvision.transforms import v2

    at = ("data", "transforms", index)
    check_numbers(component, at)
    table = {name: getattr(v2, name) for name in SIZE_TRANSFORMS} | dict.fromkeys(VALUE_TRANSFORMS)
    chosen = choose(component, table, "transform", at)
    return construct(with_enums(component, chosen), chosen, at)


def with_enums(component: Component, function: Callable[..., Any]) -> Component:
    """The component with ``interpolation = "bilinear"`` as the enum that torchvision's older signatures want."""
    from torchvision.transforms import InterpolationMode

    name, parameter = component.args.get("interpolation"), inspect.signature(function).parameters.get("interpolation")
    known = {mode.value: mode for mode in InterpolationMode}
    if name not in known or parameter is None or not isinstance(parameter.default, InterpolationMode):
        return component
    return Component.model_construct(type=component.type, args=component.args | {"interpolation": known[name]})


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
        step = Normalize(*numbers) if numbers else _statistics(sample, steps)
        channels = sample.shape[1] if sample.ndim > 1 else 1
        if len(step.mean) not in (1, channels):
            raise fail(
                "shape-mismatch", f"{component.type} has {len(step.mean)} channels, the data have {channels}", at=at
            )
        steps.append(step)
    return tuple(steps)


def value_numbers(component: Component, at: Path) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and standard deviation that a value transform names, None where they come from the data."""
    if component.type in ("ToTensor", "ToImage", "ToDtype"):
        message = f"{component.type} is not needed: images arrive as floats in [0, 1]"
        raise fail("unknown-component", message, at, "remove it")
    known = {**VALUE_TRANSFORMS, **dict.fromkeys(SIZE_TRANSFORMS)}
    chosen = choose(component, known, "transform", at)
    assert chosen is not None  # size transforms stand before all others
    numbers: tuple[tuple[float, ...], tuple[float, ...]] | None = construct(component, chosen, at)
    return numbers


def _statistics(sample: Tensor, before: Sequence[Normalize]) -> Normalize:
    """Mean and (population) standard deviation by channel, in float64; a constant channel keeps a scale of 1."""
    if isinstance(sample, OnDisk):
        raise fail(
            "too-much-memory", "StandardScaler needs all samples in memory", ("data", "transforms"), "use Normalize"
        )
    values = to_float(sample)
    values = values.clone() if values.dtype == torch.float32 else values.to(torch.float64, copy=True)
    for step in before:
        values = step(values)
    values = values.to(torch.float64).transpose(0, 1).flatten(1) if values.ndim > 1 else values.to(torch.float64)[None]
    std, mean = torch.std_mean(values, dim=1, correction=0)
    # what rounding alone makes of a constant is no spread (Chan et al. 1983, as scikit-learn has it)
    count, eps = values.shape[1], torch.finfo(torch.float64).eps
    constant = std**2 <= count * eps * std**2 + (count * mean * eps) ** 2
    std = std.masked_fill(constant, 1)
    return Normalize(tuple(mean.tolist()), tuple(std.tolist()))
