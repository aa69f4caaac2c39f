"""What a transform is: torchvision's own in training, the same in ONNX operators behind an export's raw samples."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from graphspec.data.transforms.arguments import check_numbers, with_enums
from graphspec.diagnostics import Path
from graphspec.ops.arguments import DTYPES
from graphspec.ops.components import construct
from graphspec.spec.base import Component

#: A value of ONNX, or a constant with its numpy dtype.
Operand = Any


class Operators(Protocol):
    """ONNX's operators: a call is a node of the default domain and gives its first output.

    A numpy number or array among the inputs is a constant.
    """

    def __call__(self, op_type: str, *inputs: Operand, **attributes: Any) -> Operand:
        """Write one node."""

    def cast(self, value: Operand, dtype: DTypeLike) -> Operand:
        """`value` as numpy's `dtype`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pixels:
    """What is known of a batch of images, ``N × C × H × W``, before it comes: ``least`` are the height and the width
    that it has at least.
    """

    dtype: np.dtype[Any]
    channels: int | str
    least: tuple[int, int] = (1, 1)

    @property
    def whole(self) -> bool:
        """Whether the pixels are whole numbers."""
        return self.dtype.kind in "iu"


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """Why a transform has no form in ONNX: which argument it is, a message, and what to do."""

    argument: str
    message: str
    hint: str


@dataclasses.dataclass(frozen=True, slots=True)
class SizeTransform(abc.ABC):
    """A deterministic transform of torchvision.transforms.v2 by its class's name, that changes the size or the channels
    of images and keeps their dtype.

    ``args`` are those of the spec, ``step`` is torchvision's transform made with them. ``cases`` are arguments on which
    the torch side and the ONNX side are compared. ``sizes`` and ``colours`` say what it changes.
    """

    cases: ClassVar[Sequence[Mapping[str, Any]]]
    sizes: ClassVar[bool] = False
    colours: ClassVar[bool] = False

    args: Mapping[str, Any]
    step: Any

    @property
    def name(self) -> str:
        """By which a spec knows it."""
        return type(self).__name__

    @classmethod
    def signature(cls) -> Callable[..., Any]:
        """torchvision's class, which says what arguments there are."""
        from torchvision.transforms import v2

        found: Callable[..., Any] = getattr(v2, cls.__name__)
        return found

    @classmethod
    def of(cls, component: Component, at: Path) -> Self:
        """The transform that `component` names. Raises ``GraphspecError`` for arguments that it has not."""
        check_numbers(component, at)
        function = cls.signature()
        return cls(component.args, construct(with_enums(component, function), function, at))

    def __call__(self, images: Tensor) -> Tensor:
        """The torch side."""
        found: Tensor = self.step(images)
        return found

    @abc.abstractmethod
    def nodes(self, op: Operators, images: Operand, pixels: Pixels) -> Operand:
        """The ONNX side: the same of `images`, of which `pixels` is known. There is no :meth:`refusal`."""

    def refusal(self) -> Refusal | None:
        """Why these arguments have no form in ONNX that gives the same pixels; None where they have one."""
        return None

    def after(self, pixels: Pixels) -> Pixels:
        """What is known of the images behind it."""
        return pixels

    def as_dict(self) -> dict[str, Any]:
        """As a spec writes it."""
        return {"type": self.name, **self.args}


def size_of(op: Operators, value: Operand, axis: int) -> Operand:
    """The size of `value` along `axis` (counted from 0), an int64 scalar."""
    return op("Squeeze", op("Shape", value, start=axis, end=axis + 1))


def vector(op: Operators, *numbers: Operand) -> Operand:
    """int64 scalars as one vector."""
    return op("Concat", *(op("Reshape", number, np.array([1])) for number in numbers), axis=0)


def constant(number: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """`number` in `dtype`, as torch fills a tensor with it."""
    return torch.full((), number, dtype=DTYPES[dtype.name]).numpy()
