"""What the losses of a spec want of the targets: what is a label, what is a number, and what does not count."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from graphspec.data.samples import Samples
from graphspec.losses import LOSSES, Loss, Targets
from graphspec.scales import UNIT
from graphspec.sequences import PAD
from graphspec.spec.base import Component

#: What a loss of numbers compares with.
_NUMBERS = (Targets.VALUES, Targets.LISTS)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """``losses`` are those of ``[train]``; none of them is known where only the data are asked for. ``input`` says that
    the input is the target, so that no other is read.
    """

    losses: tuple[Component, ...] = ()
    input: bool = False

    @property
    def ignored(self) -> frozenset[int]:
        """The labels that a loss says it leaves out, which are no classes, and those that pad sequences."""
        named = [loss.args.get("ignore_index") for loss in self.losses]
        for loss in self.losses:
            if loss.type in LOSSES and LOSSES[loss.type].targets is Targets.SEQUENCES:
                named += [PAD, loss.args.get("blank", 0)]
        return frozenset(label for label in named if isinstance(label, int))

    @property
    def lengths(self) -> frozenset[str]:
        """The targets that say how long sequences are, which are numbers and no classes."""
        named = [loss.args.get(key) for loss in self.losses for key in ("input_lengths", "target_lengths")]
        return frozenset(name for name in named if isinstance(name, str))

    def settled(self, samples: Samples) -> Samples:
        """`samples`, whose whole-number targets with several values a sample are labels or numbers by the losses.

        ``N × …`` is a class at each position; ``N × columns`` of a loss of numbers are numbers: of one from 0 to 1
        labels of which several may apply.
        """
        alone = len(samples.targets) == 1
        targets = {
            name: value.to(torch.float32)
            if name in self.lengths
            else self._settled(value, list(self._of(name, alone)))
            if _several(value)
            else value
            for name, value in samples.targets.items()
        }
        return Samples(samples.inputs, targets)

    def applied(self, samples: Samples, names: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """The names of the labels of which several may apply to a sample, by target: each a column of 0 and 1, which
        losses take as probabilities. `names` are those that are known.
        """
        found = {}
        for target, value in samples.targets.items():
            losses = [LOSSES[loss.type] for loss in self._of(target, len(samples.targets) == 1)]
            each = [row.probability is not None and row.probability.each and row.among is UNIT for row in losses]
            if losses and all(each) and _is_applied(value):
                found[target] = names.get(target) or tuple(map(str, range(value.shape[1])))
        return found

    def _of(self, target: str, alone: bool) -> Iterable[Component]:
        """The losses that compare with `target`."""
        for loss in self.losses:
            named = loss.args.get("target", target if alone else loss.args.get("output"))
            if named == target and loss.type in LOSSES:
                yield loss

    def _settled(self, value: Tensor, losses: Sequence[Component]) -> Tensor:
        rows: list[Loss] = [LOSSES[loss.type] for loss in losses]
        numbers = bool(rows) and all(row.targets in _NUMBERS for row in rows)
        pixels = value.dtype == torch.uint8 and value.ndim == 4
        if pixels and (value.shape[1] > 1 or (numbers and int(value.max()) > 1)):
            return value.to(torch.float32).div_(255)  # as those of inputs
        shares = all(row.span(loss.args) is UNIT for row, loss in zip(rows, losses, strict=True))
        columns = value.ndim == 2 and value.shape[1] > 1
        if numbers and (columns or not shares):
            return value.to(torch.float32)
        labels = value.to(torch.int64)
        return labels.squeeze(1) if labels.shape[1] == 1 else labels


def _is_applied(value: Tensor) -> bool:
    """Whether every value of a target is 0 or 1, several a sample; one is a number, or a class where it is whole."""
    plain = value.ndim == 2 and value.shape[1] > 1 and value.is_floating_point()
    return plain and bool(((value == 0) | (value == 1)).all())


def _several(value: Tensor) -> bool:
    """Whether a sample of a whole-number target is more than one number."""
    return not value.is_floating_point() and value.ndim > 1
