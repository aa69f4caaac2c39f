"""``@graphspec.transform``: transforms of the user's own, for ``[data] transforms``, ``augment`` and ``corrupt``.

Here they are registered, and what ``transforms`` names is made; ``data/augment/own.py`` makes augmentations of them.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any, Self, TypeVar, overload

import torch
from torch import Tensor

from graphspec.data.transforms.base import Operand, Operators, Pixels, Refusal, SizeTransform
from graphspec.data.transforms.normalize import to_float
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


def _owner(name: str) -> str:
    from torchvision.transforms import v2

    return "torchvision" if hasattr(v2, name) else "graphspec" if name == "StandardScaler" else ""


#: Transforms that have been imported, by name.
TRANSFORMS: OwnParts[OwnTransform] = OwnParts("a transform", _owner)


@overload
def transform(part: Part) -> Part: ...


@overload
def transform(*, geometry: bool | None = None) -> Callable[[Part], Part]: ...


def transform(part: Any = None, *, geometry: bool | None = None) -> Any:
    """Decorator: make a function, or a class with ``__call__``, one that ``[data] transforms``, ``augment`` and
    ``corrupt`` can name.

    It takes one image, floats in [0, 1] ``C × H × W``, and gives one; what it draws from torch's generator follows
    from seed, epoch and batch in ``augment`` and ``corrupt``, and is the same for every image in ``transforms``. A
    function's parameters with a default, or the constructor's, are the spec's arguments.

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


def _no_image(found: Tensor, rank: int) -> str:
    """What `found` is instead of an image of `rank` dims; empty where it is one."""
    if found.is_meta:
        return "a tensor without values (on the device meta)"
    if found.is_complex() or found.is_quantized:
        return f"values of {str(found.dtype).removeprefix('torch.')}, not numbers"
    if found.ndim != rank or not found.numel():
        shape = " × ".join(map(str, found.shape)) or "a number"
        return f"{shape}, not an image {'C × H × W' if rank == 3 else f'of {rank} dims'}"
    return ""


@dataclasses.dataclass(frozen=True, slots=True)
class Called:
    """A transform of the user's at `at` of the spec, whose faults are one error; `step` takes one image."""

    step: Callable[[Tensor], Tensor]
    name: str
    at: Path

    def __call__(self, image: Any) -> Tensor:
        """What it makes of `image`, or of a mask: one of as many dims."""
        try:
            found = torch.as_tensor(self.step(image)).detach().as_subclass(Tensor)
        except (Exception, SystemExit) as error:  # the user's code can fail in any way
            message = f"{self.name} fails with {type(error).__name__}: {error}"
            raise fail("bad-value", message, at=self.at) from error
        if reason := _no_image(found, image.ndim):
            raise fail("bad-value", f"{self.name} gives {reason}", at=self.at)
        return found

    def each(self, images: Any) -> Tensor:
        """What it makes of one after another, stacked."""
        found = [self(image) for image in images]
        if odd := next((other for other in found if other.shape != found[0].shape), None):
            one, other = (" × ".join(map(str, each.shape)) for each in (found[0], odd))
            raise fail("bad-value", f"{self.name} makes images of {one} and of {other}", at=self.at)
        return torch.stack(found)


@dataclasses.dataclass(frozen=True, slots=True)
class OwnStep(SizeTransform):
    """One of ``[data] transforms`` that is the user's own: called for one image after another, when the data are read.

    What comes of it are floats. ONNX has no Python, so that it stays outside ``pipeline.onnx``.
    """

    cases = ()

    @classmethod
    def of(cls, component: Component, at: Path) -> Self:
        called = Called(construct(component, TRANSFORMS[component.type].make, at), component.type, at)
        return cls(component.args, called)

    @property
    def name(self) -> str:
        return str(self.step.name)

    @property
    def colours(self) -> bool:  # type: ignore[override]
        """Whether masks stay. Raises ``GraphspecError`` where its author has not said whether it moves pixels."""
        geometry = TRANSFORMS[self.name].geometry
        if geometry is None:
            message = f"whether {self.name} moves pixels is not known, and a target is an image"
            hint = "@graphspec.transform(geometry=True) or False says so"
            raise fail("bad-value", message, at=self.step.at, hint=hint)
        return not geometry

    def __call__(self, images: Tensor) -> Tensor:
        """Of one image ``C × H × W``, of several, or of masks ``… × H × W`` as tv_tensors has them."""
        from torchvision import tv_tensors

        if images.is_meta:  # of which the shape alone is asked
            return self(torch.zeros(images.shape, dtype=images.dtype)).to("meta")
        kind, single = type(images), 2 if isinstance(images, tv_tensors.Mask) else 3
        with _alone:
            if single == 2:
                found = self.step(images) if images.ndim == 2 else self.step.each(map(kind, images))
                return tv_tensors.Mask(found)
            values = to_float(images)
            return self._checked(self.step(values) if values.ndim == 3 else self.step.each(map(kind, values)))

    def _checked(self, found: Tensor) -> Tensor:
        values = to_float(found).to(torch.float32)
        if not values.isfinite().all():
            raise fail("bad-value", f"{self.name} makes values that are not finite", at=self.step.at)
        return values

    def nodes(self, op: Operators, images: Operand, pixels: Pixels) -> Operand:
        raise NotImplementedError(f"{self.name} has a refusal")

    def refusal(self) -> Refusal:
        message = f"{self.name} is a transform of your own, and pipeline.onnx has no Python"
        return Refusal("type", message, 'leave "pipeline" out, or make it a @graphspec.layer of the network')


class _Alone:
    """Inside this context torch's global generator begins at the same number, for one thread after another: images are
    decoded by several, and the generator is for all of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()
        self._before = torch.get_rng_state()
        torch.manual_seed(0)

    def __exit__(self, *exception: object) -> None:
        torch.set_rng_state(self._before)
        self._lock.release()


_alone = _Alone()
