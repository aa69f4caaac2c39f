"""The ``[train]`` section: loss, optimiser, schedule, metrics and seed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from graphspec.spec.base import Component, SpecModel


class TrainSpec(SpecModel):
    """How the network learns. Components are checked against live torch signatures where they are built.

    ``monitor`` is the figure of the validation part that decides which weights are best: ``"loss"``, or a metric. By
    default it is the first metric, or the loss where there are no metrics. ``memory_format`` is how images and
    convolution weights lie in memory: ``"channels_last"`` is the faster one for most convolutions.
    """

    epochs: Annotated[int, Field(ge=1)] = 10
    loss: Component = Component(type="CrossEntropyLoss")
    optimizer: Component = Component(type="Adam")
    scheduler: Component | None = None
    metrics: tuple[Component, ...] = ()
    monitor: str | None = None
    memory_format: Literal["contiguous_format", "channels_last"] = "contiguous_format"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
