"""The arguments of transforms and augmentations: how large they may be, and torchvision's enums from their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from graphspec.diagnostics import Path, fail
from graphspec.spec.base import Component

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


def check_numbers(component: Component, at: Path) -> None:
    """Refuse (``too-large``) an argument that makes a transform take more time or memory than any image is worth."""
    for name, value in component.args.items():
        most = _MOST.get(name, LARGEST_SIDE if name in _SIDES else None)
        numbers = value if isinstance(value, list | tuple) else [value]
        for number in numbers:
            if most is not None and isinstance(number, int | float) and abs(number) > most:
                raise fail("too-large", f"{component.type}: {name} is at most {most:,}, not {number:,}", at=(*at, name))


def with_enums(component: Component, function: Callable[..., Any]) -> Component:
    """The component with ``interpolation = "bilinear"`` as the enum that torchvision's older signatures want."""
    from torchvision.transforms import InterpolationMode

    name, parameter = component.args.get("interpolation"), inspect.signature(function).parameters.get("interpolation")
    known = {mode.value: mode for mode in InterpolationMode}
    if name not in known or parameter is None or not isinstance(parameter.default, InterpolationMode):
        return component
    return Component.model_construct(type=component.type, args=component.args | {"interpolation": known[name]})


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width from one number for both, or two."""
    numbers = [size] if isinstance(size, int) else list(size)
    height, width = numbers * (2 // len(numbers))
    return height, width
