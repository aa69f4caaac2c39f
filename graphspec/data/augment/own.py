"""``@graphspec.transform``: an augmentation of the user's own, called for one sample after another."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

import torch
from torch import Tensor

from graphspec.data.augment.base import Augmentation, seeded
from graphspec.data.transforms import TRANSFORMS as BUILT_IN
from graphspec.data.transforms import to_float
from graphspec.diagnostics import Path, fail
from graphspec.ops.components import construct
from graphspec.spec.base import Component
from graphspec.system.own_parts import OwnParts, arguments_of, first_parameters

Part = TypeVar("Part", bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True)
class OwnTransform:
    """What makes it of its arguments, and whether it moves pixels; None where its author has not said."""

    make: Callable[..., Callable[[Tensor], Tensor]]
    geometry: bool | None


#: Transforms that have been imported, by name.
TRANSFORMS: OwnParts[OwnTransform] = OwnParts(
    "a transform", lambda name: "torchvision" if name in BUILT_IN or _of_torchvision(name) else ""
)


def _of_torchvision(name: str) -> bool:
    from torchvision.transforms import v2

    return hasattr(v2, name)


@overload
def transform(part: Part) -> Part: ...


@overload
def transform(*, geometry: bool | None = None) -> Callable[[Part], Part]: ...


def transform(part: Any = None, *, geometry: bool | None = None) -> Any:
    """Decorator: make a function, or a class with ``__call__``, one that ``[data] augment`` and ``corrupt`` can name.

    It takes one image, floats in [0, 1] ``C × H × W``, and gives one; what it draws from torch's generator follows
    from seed, epoch and batch. A function's parameters with a default, or the constructor's, are the spec's arguments.

    With ``geometry=False`` it changes values alone, and a target that is an image stays; with ``geometry=True`` it
    moves pixels: it is called for the target too, with the same draws and a :class:`torchvision.tv_tensors.Mask` or
    ``Image``. Without either it is refused where a target is an image.

    Raises:
        TypeError: no such function or class.
        ValueError: the name is torchvision's, or that of a transform in another file.
    """
    if part is None:
        return lambda each: transform(each, geometry=geometry)  # type: ignore[call-overload]
    is_class = inspect.isclass(part) and any("__call__" in vars(base) for base in part.__mro__)
    if not is_class and not (inspect.isfunction(part) and len(first_parameters(part)) == 1):
        raise TypeError(f"a transform is a class with __call__, or a function of an image, not {part!r}")
    TRANSFORMS.add(part, OwnTransform(part if is_class else _of_function(part), geometry))
    return part


def _of_function(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def make(**arguments: Any) -> Any:
        return functools.partial(function, **arguments)

    make.__signature__ = arguments_of(function, 1)  # type: ignore[attr-defined]
    return make


def own_augmentation(component: Component, at: Path) -> Augmentation:
    """The imported transform that `component` names."""
    entry = TRANSFORMS[component.type]
    called = construct(component, entry.make, at)
    return (_Moving if entry.geometry else _Changing)(called, component.type, at)


@dataclasses.dataclass(frozen=True, slots=True)
class _Changing:
    """A transform of the user's that is called for one sample after another."""

    transform: Callable[[Tensor], Tensor]
    name: str
    at: Path

    def __call__(self, images: Tensor, draw: torch.Generator) -> Tensor:
        with seeded(draw):
            return self._each(to_float(images))

    def _each(self, images: Any) -> Tensor:
        try:
            return torch.stack([torch.as_tensor(self.transform(image)).as_subclass(Tensor) for image in images])
        except Exception as error:  # the user's code can fail in any way
            message = f"{self.name} fails with {type(error).__name__}: {error}"
            raise fail("bad-value", message, at=self.at) from error


class _Moving(_Changing):
    """One that moves pixels, and moves a target that is an image with them."""

    __slots__ = ()

    def moved(self, target: Tensor, mask: bool, size: tuple[int, int], draw: torch.Generator) -> Tensor:
        """As :class:`graphspec.data.augment.base.Geometry` says, for targets of the images' own size."""
        from torchvision import tv_tensors

        kind = tv_tensors.Mask if mask else tv_tensors.Image
        with seeded(draw):
            return self._each(kind(each) for each in target)
