"""Values that come from no input: learned parameters, constants, positions.

No `from __future__ import annotations` here: torch.jit.script reads the classes' annotations as types.
"""

import torch
from torch import Tensor, nn

from graphspec.ops.functions.registry import function
from graphspec.ops.op import Number


class _Constant(nn.Module):
    """A value that comes from no input, on the device of the network."""

    place: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("place", torch.empty(0), persistent=False)


@function("arange", sizes="anywhere")
class Arange(_Constant):
    """start, start + step, … below end; int64 where they are whole, unless dtype says otherwise."""

    def forward(
        self,
        end: Number,
        start: Number = 0,
        step: Number = 1,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        return torch.arange(start, end, step, dtype=dtype, device=self.place.device)


@function("zeros", sizes="anywhere")
class Zeros(_Constant):
    """Zeros of that size."""

    def forward(self, size: list[int], dtype: torch.dtype | None = None) -> Tensor:
        return torch.zeros(size, dtype=dtype, device=self.place.device)


@function("ones", sizes="anywhere")
class Ones(_Constant):
    """Ones of that size."""

    def forward(self, size: list[int], dtype: torch.dtype | None = None) -> Tensor:
        return torch.ones(size, dtype=dtype, device=self.place.device)


@function("full", sizes="anywhere")
class Full(_Constant):
    """fill_value in that size."""

    def forward(
        self,
        size: list[int],
        fill_value: Number,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        return torch.full(size, fill_value, dtype=dtype, device=self.place.device)


@function("eye", sizes="anywhere")
class Eye(_Constant):
    """Ones on the diagonal of n × m, zeros beside it; m is n unless given."""

    def forward(self, n: int, m: int | None = None, dtype: torch.dtype | None = None) -> Tensor:
        return torch.eye(n, n if m is None else m, dtype=dtype, device=self.place.device)


@function("linspace", sizes="anywhere")
class Linspace(_Constant):
    """steps numbers at equal distances from start to end, both included."""

    def forward(self, start: float, end: float, steps: int, dtype: torch.dtype | None = None) -> Tensor:
        if isinstance(steps, int):
            return torch.linspace(start, end, steps, dtype=dtype, device=self.place.device)
        return _linspace(start, end, torch.arange(steps, device=self.place.device), dtype)


def _linspace(start: float, end: float, places: Tensor, dtype: torch.dtype | None) -> Tensor:
    """torch.linspace over so many `places`; its own takes no open size, and holds one to that of the moment."""
    exact = places.to(dtype if dtype is not None and dtype.is_floating_point else torch.get_default_dtype())
    last = exact[-1:]
    step = (end - start) / last.clamp(min=1)
    found = torch.where(2 * exact < last + 1, start + step * exact, end - step * (last - exact))
    return found.to(dtype) if dtype is not None else found


class Parameter(nn.Module):
    """A learned value of the given shape, zeros unless ``init`` says otherwise."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(shape))

    def forward(self) -> Tensor:
        return self.value


class Buffer(nn.Module):
    """A constant value, kept in the state_dict: nested lists of numbers, or a shape whose numbers a weights file has.

    Without ``persistent`` the state_dict leaves it out; the weights file has the numbers that are not written then too.
    """

    value: Tensor

    def __init__(
        self,
        data: list | None = None,
        shape: list[int] | None = None,
        dtype: torch.dtype | None = None,
        persistent: bool = True,
    ) -> None:
        super().__init__()
        if (data is None) == (shape is None):
            raise ValueError("a Buffer has data, or a shape")
        value = torch.tensor(data, dtype=dtype) if shape is None else torch.zeros(shape, dtype=dtype)
        self.register_buffer("value", value, persistent=persistent)

    def forward(self) -> Tensor:
        return self.value
