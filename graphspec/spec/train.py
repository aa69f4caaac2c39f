"""The ``[train]`` section: loss, optimiser, schedule, metrics and seed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from graphspec.spec.base import Component, SpecModel

#: The target of a loss that compares with what the teacher gives.
TEACHER = "teacher"


class TrainSpec(SpecModel):
    """How the network learns. Components are checked against live torch signatures where they are built.

    ``loss`` is one loss, or a list whose sum is minimised; each may name its ``output``, its ``target`` (a field of the
    data) and a ``factor``. ``monitor`` is the metric of the validation part that decides which weights are best:
    ``"loss"``, or a metric. By default it is the first metric, or the loss where there are no metrics.
    ``memory_format`` is how images and convolution weights lie in memory: ``"channels_last"`` is the faster one for
    most convolutions. ``accumulate`` batches make one update, as if they were one batch; ``clip_grad_norm`` is the
    greatest norm of its gradient. ``early_stopping`` ends the run after so many epochs without a better monitored
    figure. In the first ``warmup`` updates the learning rate grows linearly to what it would be. ``ema`` is the decay
    of an exponential moving average of the weights, which is then what is validated and kept as best. ``init`` is a
    file of weights to start from: those that fit by name and shape are taken. ``unfreeze`` says of frozen layers after
    how many epochs they learn.

    ``teacher`` is the folder of a run, frozen, whose outputs losses of training may compare with: ``target =
    "teacher"``.

    ``thresholds = "validation"`` chooses for each of several labels that may apply the probability above which it does,
    by the best F1 of the validation part; otherwise that is a half.

    ``callbacks`` are code of the user's, by ``@graphspec.callback``, that is told the figures of each epoch.

    ``engine`` is how a step is computed: ``"default"`` gives the textbook loop's numbers to the last bit, from a
    recording of the step where that is proven on the first batches; ``"eager"`` never records; ``"traced"`` also takes
    fused optimiser kernels (losses within 1e-6); ``"compiled"`` is ``torch.compile``. ``precision`` is that of the
    forward pass in training: ``"bf16"`` and ``"fp16"`` run under autocast, the weights stay float32. ``deterministic``
    refuses operations that give other bits from run to run (on a GPU; the CPU's do not).
    """

    epochs: Annotated[int, Field(ge=1)] = 10
    loss: tuple[Component, ...] | Component = Component(type="CrossEntropyLoss")
    optimizer: Component = Component(type="Adam")
    scheduler: Component | None = None
    metrics: tuple[Component, ...] = ()
    callbacks: tuple[Component, ...] = ()
    monitor: str | None = None
    memory_format: Literal["contiguous_format", "channels_last"] = "contiguous_format"
    accumulate: Annotated[int, Field(ge=1)] = 1
    clip_grad_norm: Annotated[float, Field(gt=0)] | None = None
    early_stopping: Annotated[int, Field(ge=1)] | None = None
    warmup: Annotated[int, Field(ge=0)] = 0
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    init: str | None = None
    teacher: str | None = None
    unfreeze: dict[str, Annotated[int, Field(ge=1)]] | None = None
    engine: Literal["default", "eager", "traced", "compiled"] = "default"
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    deterministic: bool = False
    thresholds: Literal["validation"] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @field_validator("loss", mode="before")
    @classmethod
    def _reduced(cls, loss: Any) -> Any:
        """``{ output = "kl", reduce = "mean" }`` is the loss ``mean`` of that output."""
        if isinstance(loss, tuple):
            return tuple(map(cls._reduced, loss))
        if not isinstance(loss, dict) or "type" in loss or "reduce" not in loss:
            return loss
        return {"type": loss["reduce"], **{key: value for key, value in loss.items() if key != "reduce"}}

    @property
    def losses(self) -> tuple[Component, ...]:
        """The losses whose sum is minimised."""
        return self.loss if isinstance(self.loss, tuple) else (self.loss,)

    def loss_of(self, output: str) -> Component | None:
        """The first loss whose first output is `output`, or that names none; a teacher's is none of them."""
        return next((loss for loss in self.of_data if first_output(loss, output) == output), None)

    @property
    def of_data(self) -> tuple[Component, ...]:
        """The losses that have to do with the data alone, which are all that is left of them after training."""
        return tuple(loss for loss in self.losses if not self.is_taught(loss))

    def is_taught(self, loss: Component) -> bool:
        """Whether `loss` compares with the teacher's output."""
        return self.teacher is not None and loss.args.get("target") == TEACHER


def first_output(loss: Component, default: str) -> str:
    """The output that `loss` names, the first of several; `default` where it names none."""
    named = loss.args.get("output", default)
    return str(next(iter(named), "") if isinstance(named, list | tuple) else named)
