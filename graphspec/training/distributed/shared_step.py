"""A training step in which each process computes its part of the batch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from graphspec.data import Samples
from graphspec.training.checks.finite import not_finite
from graphspec.training.distributed.group import Group
from graphspec.training.distributed.shared_batches import Part
from graphspec.training.learner import Learner
from graphspec.training.optim.objective import Objective, Share, Values, share_of
from graphspec.training.run.signals import StopFlag


class Agreement(StopFlag):
    """What every process knows after a step, whoever knew it first: which signal has come, and whether to save."""

    def __init__(self, local: StopFlag) -> None:
        super().__init__()
        self.local = local
        self.save = False


@dataclasses.dataclass(frozen=True)
class SharedStep:
    """As :func:`graphspec.training.loop.train_step`, the batch being the parts of all processes of `group` together.

    `forward` is DDP's or FSDP's, which averages gradients over the processes: so each process computes its
    samples' part of the whole batch's loss, times the number of processes.
    """

    forward: Callable[..., Any]
    group: Group
    agreement: Agreement

    def __call__(self, learner: Learner, batch: Samples, share: Share, update: bool, due: bool) -> float:
        """The loss of the whole batch; `due` says that this process wants to save."""
        assert isinstance(batch, Part)
        inputs = learner.binding.inputs_of(batch)
        target = learner.binding.lesson_of(batch, inputs)
        whole = learner.binding.targets_of(Samples({}, batch.whole))
        shares = share if isinstance(share, tuple) else (share,) * len(learner.objective.terms)

        with learner.precision.autocast():
            output = self.forward(*inputs)  # feedforward
            parts = parts_of_loss(learner.objective, output, target, whole, batch.own)  # loss
        loss = torch.stack(parts).sum()
        value, outputs = self._exchange(due, loss, output, batch)
        if not math.isfinite(value):
            raise not_finite(value, learner.place, learner.module, inputs)
        weighed = [part * (each * self.group.size) for part, each in zip(parts, shares, strict=True)]
        learner.precision.backward(torch.stack(weighed).sum())  # backward
        if update:
            learner.update()  # update

        learner.metrics.update(value, outputs, whole)
        learner.batch += 1
        return value

    def _exchange(self, due: bool, loss: Tensor, output: Values, batch: Part) -> tuple[float, Values]:
        """The loss and the outputs of the whole batch, float32, in its order; signals and wishes to save become agreed.

        One collective a step, before the backward pass: where one process has a loss that is not finite, all stop.
        """
        leaves = [output] if isinstance(output, Tensor) else list(output.values())
        rows = [value.detach()[: batch.own].float() for value in leaves]
        count = len(next(iter(batch.whole.values())))
        most = -(-count // self.group.size)
        sizes = [math.prod(value.shape[1:]) for value in rows]
        message = torch.zeros(3 + most * sum(sizes), device=loss.device)
        message[0] = loss.detach()
        message[1], message[2] = float(self.agreement.local.signal or 0), float(due)
        mine = [value.reshape(batch.own, size) for value, size in zip(rows, sizes, strict=True)]
        message[3 : 3 + batch.own * sum(sizes)] = torch.cat(mine, 1).flatten()
        messages = torch.stack(self.group.gather(message))
        heads = messages[:, :3].tolist()
        self.agreement.signal = int(max(head[1] for head in heads)) or None
        self.agreement.save = bool(heads[0][2])
        parts = [self.group.part(rank, count) for rank in range(self.group.size)]
        flat = torch.cat(
            [
                row[3 : 3 + (part.stop - part.start) * sum(sizes)].view(part.stop - part.start, sum(sizes))
                for row, part in zip(messages, parts, strict=True)
            ]
        )
        values = [
            piece.reshape(count, *value.shape[1:]) for piece, value in zip(flat.split(sizes, 1), rows, strict=True)
        ]
        value = math.fsum(head[0] for head in heads) if all(math.isfinite(head[0]) for head in heads) else math.nan
        return value, values[0] if isinstance(output, Tensor) else dict(zip(output, values, strict=True))


def parts_of_loss(objective: Objective, output: Values, target: Values, whole: Values, own: int) -> list[Tensor]:
    """What the first `own` samples add to each term of the whole batch; those of all processes sum to it."""
    masses = objective.masses(target) if own else (0.0,) * len(objective.terms)
    shares = share_of(masses, objective.masses(whole))
    return [loss * part for loss, part in zip(objective.each(output, target, masses), shares, strict=True)]
