"""Pads before and after each dim: those of both ends alike are the layer's own, others a layer before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from graphspec.importing.onnx.call import Call

#: Sizes added before and after each dim.
Pads = tuple[list[int], list[int]]


def pads_of(call: Call, x: Tensor, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Pads:
    """What the attributes ``pads`` and ``auto_pad`` ask for."""
    rank = len(kernel)
    automatic = call.attribute("auto_pad", "NOTSET")
    if automatic == "VALID":
        return [0] * rank, [0] * rank
    if automatic == "NOTSET":
        pads = call.attribute("pads", [0] * 2 * rank)
        return pads[:rank], pads[rank:]
    total = []
    for n in range(rank):
        reach = (kernel[n] - 1) * dilation[n]
        if stride[n] == 1:
            total.append(reach)
        else:  # depends on the size, which has to be known
            size = int(x.shape[n + 2])
            total.append(max(0, (-(-size // stride[n]) - 1) * stride[n] + reach + 1 - size))
    half = [size // 2 for size in total]
    rest = [size - part for size, part in zip(total, half, strict=True)]
    return (half, rest) if automatic == "SAME_UPPER" else (rest, half)


def padded(x: Tensor, pads: Pads, value: float, most: Sequence[int] | None = None) -> tuple[Tensor, list[int]]:
    """`x` and the padding that the layer behind it does itself: of both ends alike, of `most` a dim."""
    before, after = pads
    if before == after and (most is None or all(size <= limit for size, limit in zip(before, most, strict=True))):
        return x, list(before)
    flat = [size for pair in zip(reversed(before), reversed(after), strict=True) for size in pair]
    return F.pad(x, flat, "constant", value), [0] * len(before)
