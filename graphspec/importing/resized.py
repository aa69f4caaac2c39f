"""Samples of other sizes, where the sizes may be any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from graphspec.importing.proof import SEED
from graphspec.spec.dims import NamedDim

#: A smaller size is not halved so often that it matters.
_LEAST_HALVED = 16


def resized(value: Tensor, dims: Sequence[int | str], by: int | Mapping[int, int] = 1) -> Tensor:
    """A sample of other sizes, where they may be any: numbers of the same kind, a larger batch, and the rest `by`.

    `by` is one number for all dims behind the batch, or one for each.
    """
    steps = dict.fromkeys(range(1, value.dim()), by) if isinstance(by, int) else {**by}
    steps[0] = 1
    sizes = [
        size if isinstance(dim, int) else max(size + steps.get(place, 0) * NamedDim.of(dim).factor, 1)
        for place, (size, dim) in enumerate(zip(value.shape, dims, strict=True))
    ]
    generator = torch.Generator().manual_seed(SEED)
    if value.dtype.is_floating_point:
        return torch.randn(sizes, generator=generator).to(value.dtype)
    drawn = torch.randint(0, max(1, value.numel()), sizes, generator=generator)
    return value.flatten()[drawn] if value.numel() else value.new_zeros(sizes)


def enlarged(value: Tensor, dims: Sequence[int | str]) -> Tensor:
    """`value` with its free sizes half as large again, less one, which stays odd when it is halved: 95, 47, 23, 11."""
    free = [n for n, dim in enumerate(dims) if n and isinstance(dim, str) and NamedDim.of(dim).factor == 1]
    return resized(value, dims, {n: size // 2 - 1 for n in free if (size := value.shape[n]) >= _LEAST_HALVED})
