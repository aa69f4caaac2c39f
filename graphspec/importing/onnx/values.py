"""What goes between nodes beside tensors: numbers computed from sizes, and tensors of one number."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import torch
from torch import Tensor

#: A number, or a list of them, that is computed from sizes: what ``Shape`` gives and ``Reshape`` takes.
Host = int | float | bool | list[Any]
#: A list of numbers of a constant that is longer is no shape.
LONGEST = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Filled:
    """A tensor of one number, made when a layer needs it: a recurrent layer does without its zeros."""

    shape: list[Any]
    value: int | float | bool
    dtype: torch.dtype

    @functools.cached_property
    def tensor(self) -> Tensor:
        return torch.full(self.shape, self.value, dtype=self.dtype)


Value = Tensor | Filled | int | float | bool | list[Any] | None


def is_host(value: Value) -> bool:
    """Whether `value` is a number or a list of numbers."""
    return isinstance(value, int | float | list)


def as_list(value: Any) -> list[Any]:
    """A list of numbers; one number is a list of one."""
    return list(value) if isinstance(value, list) else [value]


def short(number: float) -> float:
    """The shortest number that is the same in float32: 0.1 where a file has 0.10000000149."""
    import numpy as np

    return float(str(np.float32(number)))
