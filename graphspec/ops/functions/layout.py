"""Functions that move elements and change shapes: joining, splitting, reshaping, slicing, padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphspec.ops.functions.registry import function


@function("cat", sizes="anywhere")
class Cat(nn.Module):
    """Values joined along dim."""

    def forward(self, tensors: list[Tensor], dim: int = 0) -> Tensor:
        return torch.cat(tensors, dim=dim)


@function("stack", sizes="anywhere")
class Stack(nn.Module):
    """Values joined along a new dim."""

    def forward(self, tensors: list[Tensor], dim: int = 0) -> Tensor:
        return torch.stack(tensors, dim=dim)


@function("split", sizes="on_one_dim", example={"split_size_or_sections": 4, "dim": 1})
class Split(nn.Module):
    """Pieces of the given size or sizes along dim; the first is called 0: `split.0`."""

    def forward(self, tensor: Tensor, split_size_or_sections: list[int], dim: int = 0) -> list[Tensor]:
        return list(torch.split(tensor, split_size_or_sections, dim=dim))


@function("split", scalar="split_size_or_sections")
class SplitSize(nn.Module):
    """Pieces of one size along dim, the last possibly smaller."""

    def forward(self, tensor: Tensor, split_size_or_sections: int, dim: int = 0) -> list[Tensor]:
        return list(torch.split(tensor, split_size_or_sections, dim=dim))


@function("chunk", sizes="on_one_dim", example={"chunks": 2, "dim": 1})
class Chunk(nn.Module):
    """The given number of equal pieces along dim; the first is called 0: `chunk.0`."""

    def forward(self, input: Tensor, chunks: int, dim: int = 0) -> list[Tensor]:
        return list(torch.chunk(input, chunks, dim=dim))


@function("unbind", sizes="on_one_dim", example={"dim": 1})
class Unbind(nn.Module):
    """The slices along dim, each without it; the first is called 0: `unbind.0`."""

    def forward(self, input: Tensor, dim: int = 0) -> list[Tensor]:
        return list(torch.unbind(input, dim=dim))


@function("reshape", sizes="anywhere", example={"shape": [-1, 8]})
class Reshape(nn.Module):
    """The same elements in another shape; one size may be -1."""

    def forward(self, input: Tensor, shape: list[int]) -> Tensor:
        return torch.reshape(input, shape)


@function("flatten", sizes="anywhere")
class Flatten(nn.Module):
    """Dims start_dim to end_dim as one."""

    def forward(self, input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        return torch.flatten(input, start_dim=start_dim, end_dim=end_dim)


@function("permute", sizes="anywhere")
class Permute(nn.Module):
    """The dims in another order."""

    def forward(self, input: Tensor, dims: list[int]) -> Tensor:
        return torch.permute(input, dims)


@function("transpose", sizes="anywhere")
class Transpose(nn.Module):
    """Two dims exchanged."""

    def forward(self, input: Tensor, dim0: int, dim1: int) -> Tensor:
        return torch.transpose(input, dim0, dim1)


@function("squeeze", sizes="on_one_dim")
class Squeeze(nn.Module):
    """A dim of size 1 removed."""

    def forward(self, input: Tensor, dim: int) -> Tensor:
        return torch.squeeze(input, dim=dim)


@function("unsqueeze", sizes="anywhere")
class Unsqueeze(nn.Module):
    """A dim of size 1 put before dim."""

    def forward(self, input: Tensor, dim: int) -> Tensor:
        return torch.unsqueeze(input, dim=dim)


@function("expand", sizes="anywhere", example={"size": [-1, 4, -1]})
class Expand(nn.Module):
    """Dims of size 1 repeated without a copy; -1 keeps a size."""

    def forward(self, input: Tensor, size: list[int]) -> Tensor:
        return input.expand(size)


@function("expand_as", sizes="anywhere")
class ExpandAs(nn.Module):
    """input expanded to the shape of other."""

    def forward(self, input: Tensor, other: Tensor) -> Tensor:
        return input.expand_as(other)


@function("flip", sizes="anywhere")
class Flip(nn.Module):
    """The order along dims reversed."""

    def forward(self, input: Tensor, dims: list[int]) -> Tensor:
        return torch.flip(input, dims)


@function("roll", sizes="on_one_dim", example={"shifts": [1], "dims": [1]})
class Roll(nn.Module):
    """Elements moved along dims, those that fall off put in at the other end."""

    def forward(self, input: Tensor, shifts: list[int], dims: list[int]) -> Tensor:
        return torch.roll(input, shifts, dims)


@function("narrow", sizes="on_one_dim")
class Narrow(nn.Module):
    """length elements along dim from start on."""

    def forward(self, input: Tensor, dim: int, start: int, length: int) -> Tensor:
        return torch.narrow(input, dim, start, length)


@function("select", sizes="on_one_dim")
class Select(nn.Module):
    """The slice at index along dim, without that dim."""

    def forward(self, input: Tensor, dim: int, index: int) -> Tensor:
        return torch.select(input, dim, index)


@function("slice", sizes="on_one_dim")
class Slice(nn.Module):
    """input[start:end:step] along dim; end = None goes to its end."""

    def forward(self, input: Tensor, dim: int, start: int = 0, end: int | None = None, step: int = 1) -> Tensor:
        return torch.ops.aten.slice(input, dim, start, end, step)


@function("repeat", sizes="anywhere", example={"repeats": [1, 2, 1]})
class Repeat(nn.Module):
    """Copies of input beside each other along each dim; more numbers than dims put new ones in front."""

    def forward(self, input: Tensor, repeats: list[int]) -> Tensor:
        return input.repeat(repeats)


@function("tile", sizes="anywhere", example={"dims": [2]})
class Tile(nn.Module):
    """Copies of input beside each other along the last dims."""

    def forward(self, input: Tensor, dims: list[int]) -> Tensor:
        return torch.tile(input, dims)


@function("repeat_interleave", sizes="anywhere", example={"repeats": 2, "dim": 1})
class RepeatInterleave(nn.Module):
    """Each element repeated along dim; without dim those of the flat input."""

    def forward(self, input: Tensor, repeats: int, dim: int | None = None) -> Tensor:
        return torch.repeat_interleave(input, repeats, dim=dim)


@function("unfold", example={"dimension": 1, "size": 2, "step": 1})
class Unfold(nn.Module):
    """Windows along dimension as a new last dim, each step further, as Tensor.unfold; F.unfold is Unfold."""

    def forward(self, input: Tensor, dimension: int, size: int, step: int) -> Tensor:
        return input.unfold(dimension, size, step)


@function("diagonal")
class Diagonal(nn.Module):
    """The diagonal of two dims, as a new last dim."""

    def forward(self, input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
        return torch.diagonal(input, offset=offset, dim1=dim1, dim2=dim2)


@function("diag_embed")
class DiagEmbed(nn.Module):
    """Square matrices, in two new dims, with the last dim on their diagonal and 0 beside it."""

    def forward(self, input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
        return torch.diag_embed(input, offset=offset, dim1=dim1, dim2=dim2)


@function("tril", sizes="anywhere")
class Tril(nn.Module):
    """The part of the last two dims on and below a diagonal, the rest 0."""

    def forward(self, input: Tensor, diagonal: int = 0) -> Tensor:
        return torch.tril(input, diagonal=diagonal)


@function("triu", sizes="anywhere")
class Triu(nn.Module):
    """The part of the last two dims on and above a diagonal, the rest 0."""

    def forward(self, input: Tensor, diagonal: int = 0) -> Tensor:
        return torch.triu(input, diagonal=diagonal)


@function("meshgrid", sizes="anywhere")
class Meshgrid(nn.Module):
    """Each vector stretched along the dims of all others; the first is called 0: `meshgrid.0`."""

    def forward(self, tensors: list[Tensor], indexing: str = "ij") -> list[Tensor]:
        return list(torch.meshgrid(tensors, indexing=indexing))


@function("broadcast_tensors", sizes="anywhere")
class BroadcastTensors(nn.Module):
    """Each stretched to the shape that all have together; the first is called 0: `broadcast_tensors.0`."""

    def forward(self, tensors: list[Tensor]) -> list[Tensor]:
        return list(torch.broadcast_tensors(*tensors))


@function("contiguous", sizes="anywhere")
class Contiguous(nn.Module):
    """The same numbers, in memory in their order."""

    def forward(self, input: Tensor) -> Tensor:
        return input.contiguous()


@function("detach", sizes="anywhere")
class Detach(nn.Module):
    """The same numbers, through which no gradient flows."""

    def forward(self, input: Tensor) -> Tensor:
        return input.detach()
