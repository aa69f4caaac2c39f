"""Values that come from no input: learned parameters, constants, positions.

No `from __future__ import annotations` here: torch.jit.script reads the classes' annotations as types.
"""

import torch
from torch import Tensor, nn

from graphspec.ops.functions.registry import function


@function("arange")
class Arange(nn.Module):
    """0, 1, …, end - 1 as int64, on the device of the network."""

    place: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("place", torch.empty(0), persistent=False)

    def forward(self, end: int) -> Tensor:
        return torch.arange(end, device=self.place.device)


class Parameter(nn.Module):
    """A learned value of the given shape, zeros unless ``init`` says otherwise."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(shape))

    def forward(self) -> Tensor:
        return self.value


class Buffer(nn.Module):
    """A constant value, kept in the state_dict: nested lists of numbers, or a shape whose numbers a weights file has.

    Without ``persistent`` the state_dict leaves it out, and its numbers are those written.
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
