"""The learning-rate range test: train a few steps at a rate that grows from tiny to too much, and look at the loss.

Smith, Cyclical Learning Rates for Training Neural Networks, 2017 (arXiv:1506.01186).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphspec.compiler import Network
from graphspec.data import Batches, Samples
from graphspec.data.place import DataPlace
from graphspec.diagnostics import GraphspecError, fail
from graphspec.system.canvas import Album
from graphspec.system.shown import Shown
from graphspec.training.loop import train_step
from graphspec.training.plots import run_plots
from graphspec.training.prepare import prepared

#: The last loss counts this much less than all before it: single batches jump.
_SMOOTH = 0.9
#: The test ends where the smoothed loss is so many times the least one.
_TOO_MUCH = 4.0


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class LrReport(Shown):
    """The tested ``rates`` with the smoothed ``losses``; ``suggestion`` is the rate at which the loss falls fastest."""

    rates: list[float]
    losses: list[float]
    suggestion: float
    picture: Path | None

    def as_dict(self) -> dict[str, Any]:
        """The same as data, for ``--json``."""
        return dataclasses.asdict(self) | {"picture": str(self.picture) if self.picture else None}


def find_lr(
    network: Network,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 150,
    picture: Path | None = None,
    device: str = "auto",
    place: DataPlace = DataPlace(),
) -> LrReport:
    """Train a copy of `network` for `steps` steps at rates from `lowest` to `highest`, and draw the loss to `picture`.

    Nothing is kept of that training. Raises ``GraphspecError`` as :func:`graphspec.training.train` does.
    """
    with prepared(network, device, place) as (learner, batches):
        learner.schedule.warmup = 0
        rates: list[float] = []
        losses: list[float] = []
        average = 0.0
        for step, batch in enumerate(itertools.islice(_endless(batches), steps)):
            rate = lowest * (highest / lowest) ** (step / (steps - 1))
            for group in learner.optimizer.param_groups:
                group["lr"] = rate
            try:
                average = _SMOOTH * average + (1 - _SMOOTH) * train_step(learner, batch)
            except GraphspecError:  # the loss is not finite: the rate was far too much
                break
            rates.append(rate)
            losses.append(average / (1 - _SMOOTH ** (step + 1)))
            if losses[-1] > _TOO_MUCH * min(losses):
                break
    if len(losses) < 3:
        raise fail("non-finite", f"the loss is not finite at a rate of {lowest:g} already", at=("train", "optimizer"))
    suggestion = _steepest(rates, losses)
    if picture is not None:
        with Album(picture.parent) as album:
            album.add(picture.name, run_plots.learning_rates, rates, losses, suggestion)
        picture = picture if album.files else None
    return LrReport(rates, losses, suggestion, picture)


def _endless(batches: Batches) -> Iterator[Samples]:
    for epoch in itertools.count():
        yield from batches.shuffled(epoch)


def _steepest(rates: list[float], losses: list[float]) -> float:
    """The rate where the smoothed loss falls fastest by the logarithm of the rate, before its minimum."""
    end = max(2, losses.index(min(losses)))
    slopes = [
        (losses[i + 1] - losses[i - 1]) / math.log(rates[i + 1] / rates[i - 1])
        for i in range(1, min(end, len(losses) - 1))
    ]
    return rates[1 + slopes.index(min(slopes))] if slopes else rates[0]
