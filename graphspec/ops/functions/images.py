"""Functions of images: resizing, padding, sampling by a grid."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.ops.functions.registry import function


@function("interpolate", sizes="each_sample", example={"size": [32, 32]})
class Interpolate(nn.Module):
    """The last dims resized to size, in pixels, or by scale_factor."""

    def forward(
        self,
        input: Tensor,
        size: list[int] | None = None,
        scale_factor: list[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
        antialias: bool = False,
    ) -> Tensor:
        return F.interpolate(
            input,
            size=size,
            scale_factor=scale_factor,
            mode=mode,
            align_corners=align_corners,
            recompute_scale_factor=recompute_scale_factor,
            antialias=antialias,
        )


@function("interpolate", scalar="scale_factor")
class InterpolateFactor(nn.Module):
    """The last dims resized by one factor."""

    def forward(
        self,
        input: Tensor,
        scale_factor: float,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
        antialias: bool = False,
    ) -> Tensor:
        return F.interpolate(
            input,
            scale_factor=scale_factor,
            mode=mode,
            align_corners=align_corners,
            recompute_scale_factor=recompute_scale_factor,
            antialias=antialias,
        )


@function("pad")
class Pad(nn.Module):
    """The last dims padded, pairs (before, after) from the last dim on."""

    def forward(self, input: Tensor, pad: list[int], mode: str = "constant", value: float | None = None) -> Tensor:
        return F.pad(input, pad, mode=mode, value=value)


@function("grid_sample", sizes="each_sample")
class GridSample(nn.Module):
    """input at the places of grid, N × H × W × 2 from -1 to 1 (x, y)."""

    def forward(
        self,
        input: Tensor,
        grid: Tensor,
        mode: str = "bilinear",
        padding_mode: str = "zeros",
        align_corners: bool = False,
    ) -> Tensor:
        return F.grid_sample(input, grid, mode=mode, padding_mode=padding_mode, align_corners=align_corners)


@function("affine_grid", example={"size": [1, 3, 16, 16]})
class AffineGrid(nn.Module):
    """The grid, for grid_sample, of affine maps theta, N × 2 × 3, of images of size N × C × H × W."""

    def forward(self, theta: Tensor, size: list[int], align_corners: bool = False) -> Tensor:
        return F.affine_grid(theta, size, align_corners=align_corners)
