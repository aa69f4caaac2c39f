"""A field's values brought to what a loss compares with: class labels as floats, signs, or lists of classes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from graphspec.losses import Targets

_AS_THEY_ARE = (Targets.CLASSES, Targets.SEQUENCES, Targets.GROUPS, Targets.OWN)


def preparation(targets: Targets, classes: int | None) -> Callable[[Tensor, Tensor], Tensor]:
    """What makes of an output and its field's values the target that a loss of such `targets` takes."""
    if targets is Targets.SIDES:
        return _as_sides
    if targets is Targets.LISTS:
        return _as_lists
    if classes is None or targets in _AS_THEY_ARE:
        return _as_it_is
    return _as_signs if targets is Targets.SIGNS else _as_values


def _as_it_is(output: Tensor, target: Tensor) -> Tensor:
    return target


def _as_values(output: Tensor, target: Tensor) -> Tensor:
    """Class labels ``N × …`` as floats of the output's shape ``N × C × …``: one column of 0 and 1, or one-hot."""
    if target.is_floating_point():
        return target
    if output.shape[1] == 1:
        return target.to(output.dtype).unsqueeze(1)
    return nn.functional.one_hot(target, output.shape[1]).movedim(-1, 1).to(output.dtype)


def _as_signs(output: Tensor, target: Tensor) -> Tensor:
    return _as_values(output, target) * 2 - 1


def _as_sides(output: Tensor, target: Tensor) -> Tensor:
    """Labels 0 and 1 as -1 and 1, one a sample; values as they are."""
    return target if target.is_floating_point() else target.to(output.dtype) * 2 - 1


def _as_lists(output: Tensor, target: Tensor) -> Tensor:
    """Rows of 0 and 1 as the classes whose value is above 0, -1 behind them, as torch.nn.MultiLabelMarginLoss wants."""
    holds = _as_values(output, target) > 0
    classes = torch.arange(output.shape[1], device=output.device).expand(len(output), -1)
    first = torch.sort((~holds).to(torch.uint8), dim=1, stable=True).indices
    return torch.where(torch.gather(holds, 1, first), torch.gather(classes, 1, first), -1)
