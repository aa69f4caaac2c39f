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
#: A window of three by three over so many channels, at so many positions, costs half its products four columns at once.
CHANNELS, POSITIONS = 64, 1024
#: Winograd's F(4, 3) of "Fast algorithms for convolutional neural networks" (Lavin, Gray 2015): what six numbers of a
#: row, three weights, and six products of them become.
_OF_ROW = [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
           [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]  # fmt: skip
_OF_WEIGHTS = [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]  # of 24
_OF_PRODUCTS = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]


def convolution(call: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """What ``torch.conv2d`` gives for its arguments, but for rounding; `call` is asked where that is not faster."""
    if named or len(args) != 7:
        return call(*args, **named)
    value, weight, bias, stride, padding, dilation, groups = args
    plain = tuple(stride) == (1, 1) and groups == 1 and not isinstance(padding, str) and not torch.is_grad_enabled()
    doubles = value.dtype == weight.dtype == torch.float64 and value.ndim == 4
    if not (plain and doubles and weight[0, 0].numel() > 1 and value[0, 0].numel() >= POSITIONS):
        return call(*args)
    if tuple(weight.shape[2:]) == (3, 3) and tuple(dilation) == (1, 1) and weight.shape[1] >= CHANNELS:
        return by_fours(value, weight, bias, padding)
    return call(*args) if value[0, 0].numel() < BLOCK else by_shifts(value, weight, bias, padding, dilation)


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


def by_fours(value: Tensor, weight: Tensor, bias: Tensor | None, padding: Any) -> Tensor:
    """The same for a window of three by three, four columns of the result from six of the picture at once.

    Args:
        value: N × C × H × W.
        weight: outputs × C × 3 × 3.
    """
    (above, left), outputs, channels = padding, len(weight), value.shape[1]
    height, width = value.shape[2] + 2 * above - 2, value.shape[3] + 2 * left - 2
    fours = -(-width // 4)
    padded = functional.pad(value, (left, left + 4 * fours - width, above, above))
    of_row, of_weights, of_products = (value.new_tensor(table) for table in (_OF_ROW, _OF_WEIGHTS, _OF_PRODUCTS))
    threes = weight.permute(2, 3, 0, 1).reshape(3, 3, -1)
    places = (of_weights / 24 @ threes).view(3, 6, outputs, channels)
    result, rows = value.new_empty(len(value), outputs, height, 4 * fours), max(1, BLOCK // 4 // fours)
    for picture, found in zip(padded, result, strict=True):
        plane, line, _ = picture.stride()
        for start in range(0, height, rows):
            end = min(start + rows, height)
            sixes = picture[:, start : end + 2].as_strided(
                (6, channels, end - start + 2, fours), (1, plane, line, 4), picture.storage_offset() + start * line
            )
            moved = (of_row @ sixes.reshape(6, -1)).view(6, channels, -1)
            positions = (end - start) * fours
            total = moved.new_zeros(6, outputs, positions)
            for row, place in enumerate(places):
                total.baddbmm_(place, moved[:, :, row * fours : row * fours + positions])
            columns = (of_products @ total.view(6, -1)).view(4, outputs, end - start, fours)
            found[:, start:end].view(outputs, end - start, fours, 4).copy_(columns.permute(1, 2, 3, 0))
    return result[..., :width] if bias is None else result[..., :width] + bias[:, None, None]


def transposed(call: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """What ``torch.conv_transpose2d`` gives for its arguments, but for rounding: where windows do not overlap, each
    place of the result is one product; `call` is asked for all others.
    """
    if named or len(args) != 8:
        return call(*args, **named)
    value, weight, bias, stride, padding, more, groups, dilation = args
    window, unit = tuple(weight.shape[2:]), (1, 1)
    apart = tuple(stride) == window and tuple(dilation) == unit and not any((*padding, *more)) and groups == 1
    doubles = value.dtype == weight.dtype == torch.float64 and value.ndim == 4
    if not (apart and doubles) or torch.is_grad_enabled():
        return call(*args)
    (count, channels, height, width), (rows, columns), outputs = value.shape, window, weight.shape[1]
    products = weight.reshape(channels, -1).T @ value.reshape(count, channels, -1)
    places = products.view(count, outputs, rows, columns, height, width).permute(0, 1, 4, 2, 5, 3)
    result = places.reshape(count, outputs, height * rows, width * columns)
    return result if bias is None else result.add_(bias[:, None, None])
