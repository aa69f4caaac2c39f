"""Functions that look up, put in and sort by index."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.ops.functions.registry import function
from graphspec.ops.op import Number


@function("index_select", sizes="on_one_dim")
class IndexSelect(nn.Module):
    """The slices along dim that index names."""

    def forward(self, input: Tensor, dim: int, index: Tensor) -> Tensor:
        return torch.index_select(input, dim, index)


@function("gather")
class Gather(nn.Module):
    """The elements of input that index names along dim."""

    def forward(self, input: Tensor, dim: int, index: Tensor) -> Tensor:
        return torch.gather(input, dim, index)


@function("take_along_dim")
class TakeAlongDim(nn.Module):
    """As gather, with other dims of size 1 stretched."""

    def forward(self, input: Tensor, indices: Tensor, dim: int) -> Tensor:
        place = dim % input.dim()  # torch.take_along_dim fixes sizes while a network is exported
        whole = list(torch.broadcast_tensors(input.select(place, 0), indices.select(place, 0))[0].shape)
        whole.insert(place, -1)
        return torch.gather(input.expand(whole), place, indices.expand(whole))


@function("scatter")
class Scatter(nn.Module):
    """input with the elements of src put where index names along dim."""

    def forward(self, input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
        return torch.scatter(input, dim, index, src)


@function("scatter", scalar="value")
class ScatterValue(nn.Module):
    """input with value put where index names along dim."""

    def forward(self, input: Tensor, dim: int, index: Tensor, value: Number) -> Tensor:
        return torch.scatter(input, dim, index, value)


@function("scatter_add")
class ScatterAdd(nn.Module):
    """input with the elements of src added where index names along dim."""

    def forward(self, input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
        return torch.scatter_add(input, dim, index, src)


@function("scatter_reduce", example={"reduce": "amax"})
class ScatterReduce(nn.Module):
    """The elements of src that index puts at one place along dim, as one number: their sum, prod, mean, amax or amin.

    With ``include_self`` the number of input that stands there is one of them; where none is put, input stands.
    """

    def forward(
        self, input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, include_self: bool = True
    ) -> Tensor:
        return torch.scatter_reduce(input, dim, index, src, reduce, include_self=include_self)


@function("masked_scatter", sizes="anywhere")
class MaskedScatter(nn.Module):
    """input with the elements of source, one after another, put where mask holds; source has at least as many."""

    def forward(self, input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
        return torch.masked_scatter(input, mask, source)


@function("index_add")
class IndexAdd(nn.Module):
    """input with the slices of source added along dim where index names."""

    def forward(self, input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
        return torch.index_add(input, dim, index, source)


@function("index_copy")
class IndexCopy(nn.Module):
    """input with the slices of source put along dim where index names."""

    def forward(self, input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
        return torch.index_copy(input, dim, index, source)


@function("index_fill", sizes="anywhere")
class IndexFill(nn.Module):
    """input with value put along dim where index names."""

    def forward(self, input: Tensor, dim: int, index: Tensor, value: Number) -> Tensor:
        return torch.index_fill(input, dim, index, value)


@function("bucketize", sizes="anywhere")
class Bucketize(nn.Module):
    """Between which of boundaries, a vector in order, each element lies, as int64; right counts equal ones too."""

    def forward(self, input: Tensor, boundaries: Tensor, right: bool = False) -> Tensor:
        return torch.bucketize(input, boundaries, right=right)


@function("searchsorted", sizes="anywhere")
class Searchsorted(nn.Module):
    """Where each number of input would go into its row of sorted_sequence, as int64; right goes behind equal ones.

    A vector for sorted_sequence is the row of all; otherwise both have the same dims before the last.
    """

    def forward(self, sorted_sequence: Tensor, input: Tensor, right: bool = False) -> Tensor:
        return torch.searchsorted(sorted_sequence, input, right=right)


@function("slice_scatter")
class SliceScatter(nn.Module):
    """input with src put in its place: input[start:end:step] = src along dim, as a function."""

    def forward(
        self, input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
    ) -> Tensor:
        return torch.slice_scatter(input, src, dim=dim, start=start, end=end, step=step)


@function("select_scatter")
class SelectScatter(nn.Module):
    """input with src put in its place: input[index] = src along dim, as a function."""

    def forward(self, input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
        return torch.select_scatter(input, src, dim, index)


@function("one_hot", sizes="anywhere")
class OneHot(nn.Module):
    """A row of num_classes for each id, 1 at its place, as int64."""

    def forward(self, input: Tensor, num_classes: int) -> Tensor:
        return F.one_hot(input, num_classes)


@function("topk", values={"values": (0,), "indices": (1,)}, sizes="on_one_dim")
class Topk(nn.Module):
    """The k greatest (or smallest) values along dim, and their indices."""

    def forward(
        self, input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
    ) -> tuple[Tensor, Tensor]:
        return torch.topk(input, k, dim=dim, largest=largest, sorted=sorted)


@function("sort", values={"values": (0,), "indices": (1,)}, sizes="anywhere")
class Sort(nn.Module):
    """The values in order along dim, and their indices; stable keeps the order of equal ones."""

    def forward(
        self, input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False
    ) -> tuple[Tensor, Tensor]:
        return torch.sort(input, dim=dim, descending=descending, stable=stable)


@function("argsort", sizes="anywhere")
class Argsort(nn.Module):
    """The indices that put input in order along dim; stable keeps the order of equal values."""

    def forward(self, input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
        return torch.argsort(input, dim=dim, descending=descending, stable=stable)
