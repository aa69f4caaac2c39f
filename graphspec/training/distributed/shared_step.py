"""A training step in which each process computes its part of the batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphspec.data import Samples
from graphspec.training.distributed.group import Group
from graphspec.training.distributed.shared_batches import Share
from graphspec.training.learner import Learner
from graphspec.training.loop import not_finite
from graphspec.training.objective import Objective, Term, Values, pick
from graphspec.training.run.signals import StopFlag


class Agreement(StopFlag):
    """What every process knows after a step, whoever knew it first: which signal has come, and whether to save."""

    def __init__(self, local: StopFlag) -> None:
        super().__init__()
        self.local = local
        self.save = False


def distributed_step(
    learner: Learner, group: Group, agreement: Agreement, due: bool, batch: Samples, share: float, update: bool
) -> float:
    """As :func:`graphspec.training.loop.train_step`, the batch being the parts of all processes together.

    ``learner.forward`` is DDP's or FSDP's, which averages gradients over the processes: so each process computes its
    samples' part of the whole batch's loss, times the number of processes. `due` says that this one wants to save.
    """
    assert isinstance(batch, Share)
    inputs, target = learner.fields.inputs_of(batch), learner.fields.targets_of(batch)
    whole = learner.fields.targets_of(Samples({}, batch.whole))

    with learner.precision.autocast():
        output = learner.forward(*inputs)  # feedforward
        loss = part_of_loss(learner.objective, output, target, whole, batch.own)  # loss
    value, outputs = _exchange(group, agreement, due, loss, output, batch)
    if not math.isfinite(value):
        raise not_finite(learner, inputs, value)
    learner.precision.backward(loss * (share * group.size))  # backward
    if update:
        learner.update()  # update

    learner.metrics.update(value, outputs, whole)
    learner.batch += 1
    return value


def part_of_loss(objective: Objective, output: Values, target: Values, whole: Values, own: int) -> Tensor:
    """What the first `own` samples contribute to the loss of the whole batch; the parts of all processes sum to it."""
    count = _length(whole)
    parts = []
    for term in objective.terms:
        weighed = _weights(term) is not None
        mass, total = (_mass(term, target), _mass(term, whole)) if weighed else (own, count)
        parts.append(term(output, target) * (mass / total if own else 0))
    return torch.stack(parts).sum() if len(parts) > 1 else parts[0]


def _weights(term: Term) -> Tensor | None:
    """The class weights by which torch divides the term's sum, where it does."""
    weight = getattr(term.loss, "weight", None)
    return weight if term.name in ("CrossEntropyLoss", "NLLLoss") else None


def _mass(term: Term, target: Values) -> Tensor | int:
    """What torch divides the sum over samples by: their number, or the weights of their classes."""
    weight = _weights(term)
    assert term.target is not None
    labels = pick(target, term.target)
    if weight is None or labels.is_floating_point():
        return len(labels)
    return weight[labels].sum()


def _exchange(
    group: Group, agreement: Agreement, due: bool, loss: Tensor, output: Values, batch: Share
) -> tuple[float, Values]:
    """The loss and the outputs of the whole batch, float32, in its order; signals and wishes to save become agreed.

    One collective a step, before the backward pass: where one process has a loss that is not finite, all stop.
    """
    leaves = [output] if isinstance(output, Tensor) else list(output.values())
    rows = [value.detach()[: batch.own].float() for value in leaves]
    count = _length(next(iter(batch.whole.values())))
    most = -(-count // group.size)
    sizes = [math.prod(value.shape[1:]) for value in rows]
    message = torch.zeros(3 + most * sum(sizes), device=loss.device)
    message[0] = loss.detach()
    message[1], message[2] = float(agreement.local.signal or 0), float(due)
    mine = [value.reshape(batch.own, size) for value, size in zip(rows, sizes, strict=True)]
    message[3 : 3 + batch.own * sum(sizes)] = torch.cat(mine, 1).flatten()
    messages = torch.stack(group.gather(message))
    heads = messages[:, :3].tolist()
    agreement.signal = int(max(head[1] for head in heads)) or None
    agreement.save = bool(heads[0][2])
    parts = [group.part(rank, count) for rank in range(group.size)]
    flat = torch.cat(
        [
            row[3 : 3 + (part.stop - part.start) * sum(sizes)].view(part.stop - part.start, sum(sizes))
            for row, part in zip(messages, parts, strict=True)
        ]
    )
    values = [piece.reshape(count, *value.shape[1:]) for piece, value in zip(flat.split(sizes, 1), rows, strict=True)]
    value = math.fsum(head[0] for head in heads) if all(math.isfinite(head[0]) for head in heads) else math.nan
    return value, values[0] if isinstance(output, Tensor) else dict(zip(output, values, strict=True))


def _length(values: Values) -> int:
    return len(values if isinstance(values, Tensor) else next(iter(values.values())))
