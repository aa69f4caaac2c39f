"""Images made larger or smaller, and channels that become pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch.nn.functional as F
from torch import Tensor, nn

from graphspec.importing.onnx.operators.registry import operator
from graphspec.importing.onnx.values import as_list, short

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call

_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


@operator("Resize", "Upsample")
def resize(call: Call) -> Tensor:
    """``interpolate`` to sizes or by factors, N × C × … Refused where its positions are none of torch's."""
    x = call.tensor()
    mode, where = call.attribute("mode", "nearest"), call.attribute("coordinate_transformation_mode", "half_pixel")
    where = "asymmetric" if call.node.op == "Upsample" else where
    _check(call, mode, where)
    rank = x.dim() - 2
    names = {"nearest": "nearest", "linear": _LINEAR.get(rank, ""), "cubic": "bicubic"}
    words: dict[str, Any] = {"mode": names[mode]}
    if mode != "nearest":
        words["align_corners"] = where == "align_corners"
    if call.attribute("antialias", 0):
        words["antialias"] = True
    scales, sizes = _factors(call, x)
    if sizes is not None:
        return F.interpolate(x, size=sizes, **words)
    assert scales is not None
    if all(scale == 1 for scale in scales):
        return x
    return F.interpolate(x, scale_factor=scales, recompute_scale_factor=False, **words)


def _check(call: Call, mode: str, where: str) -> None:
    """Refuse what torch computes otherwise; what is close is told by the proof."""
    rounding = call.attribute("nearest_mode", "round_prefer_floor")
    allowed = {
        "linear": ("half_pixel", "pytorch_half_pixel", "align_corners"),
        "cubic": ("half_pixel", "pytorch_half_pixel", "align_corners"),
        "nearest": ("asymmetric", "half_pixel", "pytorch_half_pixel"),
    }
    if where not in allowed.get(mode, ()):
        raise call.refuse(f"its coordinates are {where} with the mode {mode}")
    if mode == "nearest" and where == "asymmetric" and rounding not in ("floor", "round_prefer_floor"):
        raise call.refuse(f"it rounds by {rounding}")
    if mode == "cubic" and abs(call.attribute("cubic_coeff_a", -0.75) + 0.75) > 1e-6:
        raise call.refuse("torch's cubic has the coefficient -0.75")
    if call.attribute("exclude_outside", 0) or call.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise call.refuse("it leaves out what is outside, or keeps the ratio")


def _factors(call: Call, x: Tensor) -> tuple[list[float] | None, list[Any] | None]:
    """Scales or sizes of the dims behind the channels."""
    place = 1 if call.node.op == "Upsample" else 2
    axes = call.attribute("axes") or list(range(x.dim()))
    axes = [axis % x.dim() for axis in axes]
    if call.has(3) and call.node.op == "Resize":
        given = dict(zip(axes, as_list(call.host(3)), strict=True))
        _check_outer(call, x, {dim: size for dim, size in given.items() if dim < 2}, sizes=True)
        return None, [given.get(n, x.shape[n]) for n in range(2, x.dim())]
    scales = as_list(call.host(place))
    given = dict(zip(axes, scales, strict=True))
    _check_outer(call, x, {dim: scale for dim, scale in given.items() if dim < 2}, sizes=False)
    return [short(float(given.get(n, 1.0))) for n in range(2, x.dim())], None


def _check_outer(call: Call, x: Tensor, given: dict[int, Any], sizes: bool) -> None:
    if any(value != (x.shape[dim] if sizes else 1) for dim, value in given.items()) or x.dim() < 3:
        raise call.refuse("it resizes samples or channels")


@operator("DepthToSpace")
def depth_to_space(call: Call) -> Tensor:
    """Channels to pixels, N × C·b² × H × W to N × C × H·b × W·b: PixelShuffle in the mode CRD, else by reshaping."""
    x, size = call.tensor(), call.attribute("blocksize")
    if call.attribute("mode", "DCR") == "CRD":
        return call.layer(lambda: nn.PixelShuffle(size))(x)
    n, c, h, w = x.shape
    parts = x.reshape(n, size, size, int(c) // size**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return parts.reshape(n, int(c) // size**2, h * size, w * size)


@operator("SpaceToDepth")
def space_to_depth(call: Call) -> Tensor:
    """Pixels to channels, N × C × H·b × W·b to N × C·b² × H × W, the place in a window before the channel."""
    x, size = call.tensor(), call.attribute("blocksize")
    n, c, h, w = x.shape
    parts = x.reshape(n, c, h // size, size, w // size, size).permute(0, 3, 5, 1, 2, 4)
    return parts.reshape(n, int(c) * size**2, h // size, w // size)


@operator("GridSample")
def grid_sample(call: Call) -> Tensor:
    """``grid_sample``; its modes had other names before opset 20."""
    mode = str(call.attribute("mode", "linear")).removeprefix("bi")
    words = {"padding_mode": call.attribute("padding_mode", "zeros")}
    names = {"linear": "bilinear", "cubic": "bicubic", "nearest": "nearest"}
    corners = bool(call.attribute("align_corners", 0))
    return F.grid_sample(call.tensor(), call.tensor(1), mode=names[mode], align_corners=corners, **words)


@operator("AffineGrid")
def affine_grid(call: Call) -> Tensor:
    """``affine_grid`` of a size."""
    corners = bool(call.attribute("align_corners", 0))
    return F.affine_grid(call.tensor(), as_list(call.host(1)), align_corners=corners)
