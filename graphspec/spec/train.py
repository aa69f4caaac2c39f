"""The ``[train]`` section: loss, optimiser, schedule, metrics and seed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from graphspec.spec.base import Component, SpecModel


class TrainSpec(SpecModel):
    """How the network learns. Components are checked against live torch signatures where they are built.

    ``monitor`` is the figure of the validation part that decides which weights are best: ``"loss"``, or a metric. By
    default it is the first metric, or the loss where there are no metrics. ``memory_format`` is how images and
    convolution weights lie in memory: ``"channels_last"`` is the faster one for most convolutions. ``accumulate``
    batches make one update, as if they were one batch; ``clip_grad_norm`` is the greatest norm of its gradient.
    ``early_stopping`` ends the run after so many epochs without a better monitored figure.

    ``engine`` is how a step is computed: ``"default"`` gives the textbook loop's numbers to the last bit, from a
    recording of the step where that is proven on the first batches; ``"eager"`` never records; ``"traced"`` also takes
    fused optimiser kernels (losses within 1e-6); ``"compiled"`` is ``torch.compile``.
    """

    epochs: Annotated[int, Field(ge=1)] = 10
    loss: Component = Component(type="CrossEntropyLoss")
    optimizer: Component = Component(type="Adam")
    scheduler: Component | None = None
    metrics: tuple[Component, ...] = ()
    monitor: str | None = None
    memory_format: Literal["contiguous_format", "channels_last"] = "contiguous_format"
    accumulate: Annotated[int, Field(ge=1)] = 1
    clip_grad_norm: Annotated[float, Field(gt=0)] | None = None
    early_stopping: Annotated[int, Field(ge=1)] | None = None
    engine: Literal["default", "eager", "traced", "compiled"] = "default"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
