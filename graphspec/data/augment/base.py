"""What all augmentations have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from graphspec.data.transforms import to_float


class Augmentation(Protocol):
    """One random transform of images ``N × C × H × W``, uint8 or float in [0, 1]; `draw` is a CPU generator."""

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor: ...


@runtime_checkable
class Geometry(Augmentation, Protocol):
    """An augmentation that moves pixels, and so must move a target that is an image."""

    def moved(self, target: Tensor, mask: bool, size: tuple[int, int], draw: torch.Generator) -> Tensor:
        """`target`, ``N × C × H × W`` or ``N × H × W``, moved as images of `size` are with the same `draw`.

        It may be a whole number of times as large as they. Of a `mask` no value is mixed with another.
        """


def as_floats(target: Tensor, move: Callable[[Tensor], Tensor]) -> Tensor:
    """`target` moved as float images ``N × C × H × W`` by `move`, in its own dtype and number of dimensions again."""
    images = target if target.ndim == 4 else target.unsqueeze(1)
    found = move(images if images.is_floating_point() else images.to(torch.float32)).to(target.dtype)
    return found if target.ndim == 4 else found.squeeze(1)


@dataclasses.dataclass(frozen=True, slots=True)
class PerSample:
    """A transform of torchvision.transforms.v2 that has no batched form here, called for one sample after another."""

    transform: Callable[[Tensor], Tensor]

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor:
        with seeded(draw):
            return torch.stack([self.transform(image) for image in to_float(images)])

    def moved(self, target: Tensor, mask: bool, size: tuple[int, int], draw: torch.Generator) -> Tensor:
        """As :class:`Geometry` says, for targets of the images' own size."""
        from torchvision import tv_tensors

        kind = tv_tensors.Mask if mask else tv_tensors.Image
        with seeded(draw):
            return torch.stack([self.transform(kind(each)).as_subclass(Tensor) for each in target])


class seeded:
    """Inside this context the global generator is a function of `draw`; layers such as Dropout never notice."""

    def __init__(self, draw: torch.Generator) -> None:
        self._seed = int(torch.randint(2**62, (), generator=draw))

    def __enter__(self) -> None:
        self._before = torch.get_rng_state()
        torch.manual_seed(self._seed)

    def __exit__(self, *exception: object) -> None:
        torch.set_rng_state(self._before)


def uniform(low: float, high: float, count: int, draw: torch.Generator) -> Tensor:
    """`count` float32 numbers, uniform on [low, high]."""
    return torch.rand(count, generator=draw) * (high - low) + low


def column(values: Tensor, images: Tensor) -> Tensor:
    """One number an image, shaped to multiply `images`."""
    return values.to(images.device, images.dtype).view(-1, 1, 1, 1)


def probability(p: float) -> float:
    """`p`, or a ``ValueError`` where it is none."""
    if not 0 <= p <= 1:
        raise ValueError(f"p must be between 0 and 1, not {p!r}")
    return p
