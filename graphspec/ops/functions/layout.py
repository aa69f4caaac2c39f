"""Functions that move elements and change shapes: joining, splitting, reshaping, slicing, padding."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.ops.functions.registry import function


@function("cat")
class Cat(nn.Module):
    """Values joined along dim."""

    def forward(self, tensors: list[Tensor], dim: int = 0) -> Tensor:
        return torch.cat(tensors, dim=dim)


@function("stack")
class Stack(nn.Module):
    """Values joined along a new dim."""

    def forward(self, tensors: list[Tensor], dim: int = 0) -> Tensor:
        return torch.stack(tensors, dim=dim)


@function("split")
class Split(nn.Module):
    """Pieces of the given size or sizes along dim; the first is called 0: `split.0`."""

    def forward(self, tensor: Tensor, split_size_or_sections: list[int], dim: int = 0) -> list[Tensor]:
        return list(torch.split(tensor, split_size_or_sections, dim=dim))


@function("split", scalar="split_size_or_sections")
class SplitSize(nn.Module):
    """Pieces of one size along dim, the last possibly smaller."""

    def forward(self, tensor: Tensor, split_size_or_sections: int, dim: int = 0) -> list[Tensor]:
        return list(torch.split(tensor, split_size_or_sections, dim=dim))


@function("chunk")
class Chunk(nn.Module):
    """The given number of equal pieces along dim; the first is called 0: `chunk.0`."""

    def forward(self, input: Tensor, chunks: int, dim: int = 0) -> list[Tensor]:
        return list(torch.chunk(input, chunks, dim=dim))


@function("unbind")
class Unbind(nn.Module):
    """The slices along dim, each without it; the first is called 0: `unbind.0`."""

    def forward(self, input: Tensor, dim: int = 0) -> list[Tensor]:
        return list(torch.unbind(input, dim=dim))


@function("reshape")
class Reshape(nn.Module):
    """The same elements in another shape; one size may be -1."""

    def forward(self, input: Tensor, shape: list[int]) -> Tensor:
        return torch.reshape(input, shape)


@function("flatten")
class Flatten(nn.Module):
    """Dims start_dim to end_dim as one."""

    def forward(self, input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        return torch.flatten(input, start_dim=start_dim, end_dim=end_dim)


@function("permute")
class Permute(nn.Module):
    """The dims in another order."""

    def forward(self, input: Tensor, dims: list[int]) -> Tensor:
        return torch.permute(input, dims)


@function("transpose")
class Transpose(nn.Module):
    """Two dims exchanged."""

    def forward(self, input: Tensor, dim0: int, dim1: int) -> Tensor:
        return torch.transpose(input, dim0, dim1)


@function("squeeze")
class Squeeze(nn.Module):
    """A dim of size 1 removed."""

    def forward(self, input: Tensor, dim: int) -> Tensor:
        return torch.squeeze(input, dim=dim)


@function("unsqueeze")
class Unsqueeze(nn.Module):
    """A dim of size 1 put before dim."""

    def forward(self, input: Tensor, dim: int) -> Tensor:
        return torch.unsqueeze(input, dim=dim)


@function("expand")
class Expand(nn.Module):
    """Dims of size 1 repeated without a copy; -1 keeps a size."""

    def forward(self, input: Tensor, size: list[int]) -> Tensor:
        return input.expand(size)


@function("expand_as")
class ExpandAs(nn.Module):
    """input expanded to the shape of other."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return input.expand_as(other)


@function("flip")
class Flip(nn.Module):
    """The order along dims reversed."""

    def forward(self, input: Tensor, dims: list[int]) -> Tensor:
        return torch.flip(input, dims)


@function("roll")
class Roll(nn.Module):
    """Elements moved along dims, those that fall off put in at the other end."""

    def forward(self, input: Tensor, shifts: list[int], dims: list[int]) -> Tensor:
        return torch.roll(input, shifts, dims)


@function("narrow")
class Narrow(nn.Module):
    """length elements along dim from start on."""

    def forward(self, input: Tensor, dim: int, start: int, length: int) -> Tensor:
        return torch.narrow(input, dim, start, length)


@function("select")
class Select(nn.Module):
    """The slice at index along dim, without that dim."""

    def forward(self, input: Tensor, dim: int, index: int) -> Tensor:
        return torch.select(input, dim, index)


@function("slice")
class Slice(nn.Module):
    """input[start:end:step] along dim; end = None goes to its end."""

    def forward(self, input: Tensor, dim: int, start: int = 0, end: int | None = None, step: int = 1) -> Tensor:
        return torch.ops.aten.slice(input, dim, start, end, step)


@function("index_select")
class IndexSelect(nn.Module):
    """The slices along dim that index names."""

    def forward(self, input: Tensor, index: Tensor, dim: int) -> Tensor:
        return torch.index_select(input, dim, index)


@function("interpolate")
class Interpolate(nn.Module):
    """The last dims resized to size, in pixels."""

    def forward(
        self, input: Tensor, size: list[int], mode: str = "nearest", align_corners: bool | None = None
    ) -> Tensor:
        return F.interpolate(input, size=size, mode=mode, align_corners=align_corners)


@function("pad")
class Pad(nn.Module):
    """The last dims padded, pairs (before, after) from the last dim on."""

    def forward(self, input: Tensor, pad: list[int], mode: str = "constant", value: float | None = None) -> Tensor:
        return F.pad(input, pad, mode=mode, value=value)
