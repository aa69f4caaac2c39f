"""Convolutions in float64, on whose speed every verification of a network of pictures waits.

torch has none of its own there: it writes each window out as a column, which costs more than the products do.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

#: Positions that are computed at a time, so that their sums stay in the cache; with fewer of them torch is as fast.
BLOCK = 2048


def convolution(call: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """What ``torch.conv2d`` gives for its arguments, but for rounding; `call` is asked where that is not faster."""
    if named or len(args) != 7:
        return call(*args, **named)
    value, weight, bias, stride, padding, dilation, groups = args
    plain = tuple(stride) == (1, 1) and groups == 1 and not isinstance(padding, str) and not torch.is_grad_enabled()
    doubles = value.dtype == weight.dtype == torch.float64 and value.ndim == 4
    if not (plain and doubles and weight[0, 0].numel() > 1 and value[0, 0].numel() >= BLOCK):
        return call(*args)
    return by_shifts(value, weight, bias, padding, dilation)


def by_shifts(value: Tensor, weight: Tensor, bias: Tensor | None, padding: Any, dilation: Any) -> Tensor:
    """Σ over the window's places (i, j) of weight[:, :, i, j] @ the picture moved by (i, j), for stride 1.

    A padded picture written row behind row is moved by reading it from a later place on; what runs over a row's end is
    left out of the result.

    Args:
        value: N × C × H × W.
        weight: outputs × C × h × w.
    """
    (above, left), (down, right), (outputs, _, rows, columns) = padding, dilation, weight.shape
    height = value.shape[2] + 2 * above - down * (rows - 1)
    width, line = value.shape[3] + 2 * left - right * (columns - 1), value.shape[3] + 2 * left
    padded = functional.pad(value, (left, left, above, above + 1)).flatten(2)  # a row more, to be read beyond the last
    shifts = [
        (i * down * line + j * right, weight[:, :, i, j].contiguous()) for i in range(rows) for j in range(columns)
    ]
    result = value.new_empty(len(value), outputs, height * line)
    for picture, found in zip(padded, result, strict=True):
        for start in range(0, height * line, BLOCK):
            end = min(start + BLOCK, height * line)
            total = value.new_zeros(outputs, end - start)
            for shift, place in shifts:
                total.addmm_(place, picture[:, start + shift : end + shift])
            found[:, start:end] = total if bias is None else total + bias[:, None]
    return result.view(len(value), outputs, height, line)[..., :width]
