"""Augmentations that ``@graphspec.transform`` has made known, called for one sample after another."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from graphspec.data.augment.base import Augmentation, seeded
from graphspec.data.transforms import to_float
from graphspec.data.transforms.own import TRANSFORMS, Called
from graphspec.diagnostics import Path
from graphspec.ops.components import construct
from graphspec.spec.base import Component


def own_augmentation(component: Component, at: Path) -> Augmentation:
    """The imported transform that `component` names."""
    entry = TRANSFORMS[component.type]
    called = Called(construct(component, entry.make, at), component.type, at)
    return (_Moving if entry.geometry else _Changing)(called)


@dataclasses.dataclass(frozen=True, slots=True)
class _Changing:
    """A transform of the user's that is called for one sample after another."""

    called: Called

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor:
        with seeded(draw):
            return self.called.each(to_float(images))


class _Moving(_Changing):
    """One that moves pixels, and moves a target that is an image with them."""

    __slots__ = ()

    def moved(self, target: Tensor, mask: bool, size: tuple[int, int], draw: torch.Generator) -> Tensor:
        """As :class:`graphspec.data.augment.base.Geometry` says, for targets of the images' own size."""
        from torchvision import tv_tensors

        kind: Any = tv_tensors.Mask if mask else tv_tensors.Image
        with seeded(draw):
            return self.called.each(kind(each) for each in target)
