"""``Normalize`` and ``StandardScaler``: the values of a batch, by channel or feature, as a network takes them."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from graphspec.data.streamed import OnDisk
from graphspec.data.transforms.base import Operand, Operators
from graphspec.diagnostics import fail


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


@dataclasses.dataclass(frozen=True, slots=True)
class Normalize:
    """``(x - mean) / std`` by channel, on a float batch ``N × C × …``, in place."""

    #: Means and deviations on which its torch side and its ONNX side are compared.
    cases: ClassVar[Sequence[Mapping[str, Any]]] = (
        {"mean": [0.5], "std": [0.5]},
        {"mean": [0.1307], "std": [0.3081]},
        {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        {"mean": [1_700_000_000.0, 0.0, -3.5], "std": [28.9, 1.0, 1e-3]},
    )

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def signature(cls) -> Callable[..., Any]:
        """What takes a spec's arguments."""
        return normalize

    def __call__(self, batch: Tensor) -> Tensor:
        """The torch side."""
        mean = _by_channel(self.mean, batch.dtype, batch.device, batch.ndim)
        if (factors := _exact_reciprocals(self.std)) is not None:
            return batch.sub_(mean).mul_(_by_channel(factors, batch.dtype, batch.device, batch.ndim))
        std = _by_channel(self.std, batch.dtype, batch.device, batch.ndim)
        return batch.sub_(mean).div_(std)

    def nodes(self, op: Operators, batch: Operand, dtype: np.dtype[Any], ndim: int) -> Operand:
        """The ONNX side, of a batch of the dtype that :func:`calculated` gives, with `ndim` dimensions."""
        shape = (1, -1, *[1] * (ndim - 2))
        mean, std = (np.array(numbers, dtype=dtype).reshape(shape) for numbers in (self.mean, self.std))
        return op("Div", op("Sub", batch, mean), std)

    def undone(self, values: Tensor) -> Tensor:
        """What becomes about `values`."""
        mean, std = (
            _by_channel(numbers, values.dtype, values.device, values.ndim) for numbers in (self.mean, self.std)
        )
        return values * std + mean

    def as_dict(self) -> dict[str, Any]:
        """As a spec writes it, numbers resolved: what an export ships."""
        return {"type": "Normalize", "mean": list(self.mean), "std": list(self.std)}


class StandardScaler:
    """Normalize, its numbers learned from the training part; behind training there is none."""

    @classmethod
    def signature(cls) -> Callable[..., Any]:
        """What takes a spec's arguments."""
        return standard_scaler

    @classmethod
    def learned(cls, sample: Tensor, before: Sequence[Normalize]) -> Normalize:
        """Mean and (population) standard deviation by channel of the training part `sample` behind the steps `before`,
        in float64; a constant channel keeps a scale of 1.
        """
        if isinstance(sample, OnDisk):
            message, hint = "StandardScaler needs all samples in memory", "use Normalize"
            raise fail("too-much-memory", message, ("data", "transforms"), hint)
        values = calculated(sample).clone()
        for step in before:
            values = step(values)
        values = values.to(torch.float64)
        values = values.transpose(0, 1).flatten(1) if values.ndim > 1 else values[None]
        std, mean = torch.std_mean(values, dim=1, correction=0)
        # what rounding alone makes of a constant is no spread (Chan et al. 1983, as scikit-learn has it)
        count, eps = values.shape[1], torch.finfo(torch.float64).eps
        constant = std**2 <= count * eps * std**2 + (count * mean * eps) ** 2
        std = std.masked_fill(constant, 1)
        return Normalize(tuple(mean.tolist()), tuple(std.tolist()))


def to_float(batch: Tensor) -> Tensor:
    """uint8 images as floats in [0, 1], bit-equal to torchvision's ToTensor; anything else as it is."""
    return batch.to(torch.float32).div_(255) if batch.dtype == torch.uint8 else batch


def float_nodes(op: Operators, batch: Operand, dtype: np.dtype[Any]) -> Operand:
    """:func:`to_float` in ONNX operators, of a batch of `dtype`."""
    return op("Div", op.cast(batch, np.float32), np.float32(255)) if dtype == np.uint8 else batch


def calculated(batch: Tensor) -> Tensor:
    """The floats that Normalize is computed on, of a batch that may be raw: uint8 images and float32 in float32, all
    other numbers in float64.
    """
    values = to_float(batch)
    return values if values.dtype == torch.float32 else values.to(torch.float64)


def calculated_nodes(op: Operators, batch: Operand, dtype: np.dtype[Any]) -> tuple[Operand, np.dtype[Any]]:
    """:func:`calculated` in ONNX operators, of a batch of `dtype`; and the dtype that comes of it."""
    if dtype in (np.uint8, np.float32):
        return float_nodes(op, batch, dtype), np.dtype(np.float32)
    return op.cast(batch, np.float64), np.dtype(np.float64)


def scaled(batch: Tensor, steps: Sequence[Normalize]) -> Tensor:
    """`batch`, which may be changed in place, behind `steps`: images as floats in [0, 1], other numbers as they are.

    Whole numbers and float64 are scaled in float64 and rounded to float32 last; whole numbers without steps stay whole.
    """
    if not steps:
        return to_float(batch)  # float64 of an input that takes it
    values = calculated(batch)
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
