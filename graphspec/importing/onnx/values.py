"""What goes between nodes beside tensors: numbers computed from sizes, and tensors of one number."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import torch
from torch import Tensor

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


class Quotient(float):
    """A size as a float, ``top / bottom``: rounded it is a formula of sizes again."""

    top: int
    bottom: int

    def __new__(cls, top: int, bottom: int = 1) -> Quotient:
        found = super().__new__(cls, int(top) / bottom)
        found.top, found.bottom = top, bottom
        return found

    @classmethod
    def of(cls, number: Any) -> Any:
        """A number as a float; one that carries a formula keeps it."""
        return cls(number) if isinstance(number, int) and type(number) not in (int, bool) else float(number)

    def times(self, factor: float) -> float:
        """The product; with a whole number, or a part of 1, still a quotient of sizes."""
        if factor == int(factor) and factor > 0:
            return Quotient(self.top * int(factor), self.bottom)
        if factor > 0 and 1 / factor == int(1 / factor):
            return Quotient(self.top, self.bottom * int(1 / factor))
        return float(self) * factor

    def down(self) -> int:
        """Rounded down."""
        return self.top // self.bottom if self.bottom != 1 else self.top

    def up(self) -> int:
        """Rounded up."""
        return -(-self.top // self.bottom) if self.bottom != 1 else self.top


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
