"""The loss: one of torch.nn's, checked against outputs and targets, with the targets brought to what it takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor, nn

from graphspec.data.components import choose, construct
from graphspec.diagnostics import fail, suggest
from graphspec.spec.base import Component

#: Losses of (output, target) whose target is a class index.
OF_CLASSES = ("CrossEntropyLoss", "NLLLoss", "MultiMarginLoss")
#: Losses of (output, target) whose target is -1 or 1.
OF_SIGNS = ("SoftMarginLoss", "HingeEmbeddingLoss")
#: Losses of (output, target) whose target is a float of the output's shape.
OF_VALUES = (
    "MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "BCELoss", "BCEWithLogitsLoss", "PoissonNLLLoss", "KLDivLoss",
    "MultiLabelSoftMarginLoss",
)  # fmt: skip
#: Losses whose output is a logit: above 0 is the second class. Others decide at 0.5.
OF_LOGITS = ("BCEWithLogitsLoss", "SoftMarginLoss", "HingeEmbeddingLoss", "MultiLabelSoftMarginLoss")
AT = ("train", "loss")


@dataclasses.dataclass(frozen=True)
class Objective:
    """A loss with the preparation of its targets.

    ``threshold`` is where an output of one column decides for the second class; ``classes`` is None for regression.
    """

    name: str
    loss: nn.Module
    prepare: Callable[[Tensor, Tensor], Tensor]
    threshold: float
    classes: int | None

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean loss of a batch (a scalar); `target` is as the data set gives it."""
        return self.loss(output, self.prepare(output, target))

    def predicted(self, output: Tensor) -> Tensor:
        """The class of each sample, int64 ``N``, from an output ``N × classes`` or ``N × 1``."""
        if output.shape[1] == 1:
            return (output[:, 0] > self.threshold).to(torch.int64)
        return output.argmax(1)


def build_objective(component: Component, classes: int | None, device: torch.device) -> Objective:
    """The objective that ``[train] loss`` names. Lists among its arguments (``weight``) become tensors."""
    known = {name: getattr(nn, name) for name in (*OF_CLASSES, *OF_SIGNS, *OF_VALUES)}
    if component.type not in known and component.type in _other_losses():
        raise fail("bad-loss", f"{component.type} does not take one output and one target", at=AT)
    if component.type not in known:
        hint = suggest(component.type, known) or f"known: {', '.join(sorted(known))}"
        raise fail("bad-loss", f'unknown loss "{component.type}"', at=AT, hint=hint)
    if classes is None and component.type in (*OF_CLASSES, *OF_SIGNS):
        raise fail("bad-loss", f"{component.type} is for classes, the data set has none", at=AT, hint='use "MSELoss"')
    if component.args.get("reduction", "mean") != "mean":
        raise fail("bad-loss", "the loss of a batch is its mean", at=(*AT, "reduction"), hint="remove reduction")
    tensors = {
        name: torch.tensor(value) if isinstance(value, list | tuple) else value
        for name, value in component.args.items()
    }
    checked = Component.model_construct(type=component.type, args=tensors)
    loss = construct(checked, choose(checked, known, "loss", AT), AT).to(device)
    threshold = 0.0 if component.type in OF_LOGITS else 0.5
    return Objective(component.type, loss, _preparation(component.type, classes), threshold, classes)


def _other_losses() -> list[str]:
    return [name for name in dir(nn) if name.endswith("Loss")]


def _preparation(name: str, classes: int | None) -> Callable[[Tensor, Tensor], Tensor]:
    if classes is None or name in OF_CLASSES:
        return _as_it_is
    return _as_signs if name in OF_SIGNS else _as_values


def _as_it_is(output: Tensor, target: Tensor) -> Tensor:
    return target


def _as_values(output: Tensor, target: Tensor) -> Tensor:
    """Class labels as floats of the output's shape: a column of 0 and 1, or one-hot rows."""
    if target.is_floating_point():
        return target
    if output.shape[1] == 1:
        return target.to(output.dtype).unsqueeze(1)
    return nn.functional.one_hot(target, output.shape[1]).to(output.dtype)


def _as_signs(output: Tensor, target: Tensor) -> Tensor:
    return _as_values(output, target) * 2 - 1
