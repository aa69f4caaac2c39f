"""A check before a long run: a network that cannot learn one batch by heart will not learn anything else."""

from __future__ import annotations

import dataclasses
from typing import Any

from graphspec.compiler import Network
from graphspec.data.place import DataPlace
from graphspec.diagnostics import fail
from graphspec.system.shown import Shown
from graphspec.training.loop import train_step
from graphspec.training.prepare import prepared

#: The batch is learned by heart where the loss is this part of the first one; the check ends there.
LEARNED = 0.01
#: A loss that has not fallen to this part of the first one has not learned.
NOT_LEARNED = 0.5


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class OverfitReport(Shown):
    """The loss of one batch at the first and at the last of ``steps`` steps on it."""

    first: float
    last: float
    steps: int
    samples: int

    def as_dict(self) -> dict[str, Any]:
        """The same as data, for ``--json``."""
        return dataclasses.asdict(self)


def overfit_batch(
    network: Network,
    *,
    steps: int = 300,
    device: str = "auto",
    place: DataPlace = DataPlace(),
) -> OverfitReport:
    """Train a copy of `network` on the first batch alone, without augmentation, at the spec's learning rate.

    Raises ``GraphspecError`` (``not-learning``) where its loss does not fall to half.
    """
    with prepared(network, device, place) as (learner, batches):
        learner.schedule.scheduler = None
        batch = next(batches.in_order())
        losses: list[float] = []
        while len(losses) < steps and not (losses and losses[-1] <= LEARNED * losses[0]):
            losses.append(train_step(learner, batch))
    report = OverfitReport(losses[0], losses[-1], len(losses), len(batch))
    if report.last > NOT_LEARNED * report.first:
        message = (
            f"the loss of one batch is {report.first:.4g} at first and {report.last:.4g} after {steps} steps on it"
        )
        hint = "look at the learning rate, the last layer's activation, the loss, and whether targets fit their samples"
        raise fail("not-learning", message, at=("train",), hint=hint)
    return report
