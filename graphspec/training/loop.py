"""The loop: feedforward, loss, backward, update."""

from __future__ import annotations

import copy
import gc
from functools import partial

import torch
from torch import Tensor

from graphspec.data import Samples
from graphspec.diagnostics import GraphspecError, warn
from graphspec.system.out_of_memory import is_out_of_memory, too_little
from graphspec.training.checks.finite import not_finite
from graphspec.training.learner import Learner
from graphspec.training.optim.objective import Share, Values, share_of


def train_step(learner: Learner, batch: Samples, share: Share = 1.0, update: bool = True) -> float:
    """One step on one batch; gives the batch's mean loss, which is finite, or raises before the update.

    On a GPU it gives the newest loss that was looked at, see :mod:`graphspec.training.checks.finite`.

    Where several batches make one update, `share` is this one's part of them, and the last has `update`.
    """
    inputs = learner.binding.inputs_of(batch)
    target = learner.binding.lesson_of(batch, inputs)

    look = partial(learner.watch, error=partial(_error, learner, inputs))
    # feedforward, loss and backward
    loss, value, output = learner.engine.forward_and_backward(inputs, target, share, look)
    if update:
        learner.update(partial(again, learner, inputs, target) if learner.asks_again else None)  # update

    learner.metrics.update(value if learner.watch.every == 1 else loss.detach(), _detached(output), target)
    learner.batch += 1
    return value


def steps_at_once(learner: Learner, batches: Samples) -> float:
    """The steps that the engine takes at once, on as many batches in a row; gives the newest loss looked at."""
    inputs = learner.binding.inputs_of(batches)
    target = learner.binding.lesson_of(batches, inputs)
    loss, _, output = learner.engine.steps(inputs, target)
    learner.step += len(loss)
    learner.batch += len(loss)
    learner.metrics.update(loss, _detached(output), target)
    return learner.watch(loss, partial(_error, learner, inputs))


def halving_step(learner: Learner, batch: Samples, share: Share, update: bool) -> float:
    """:func:`train_step`, in ``learner.pieces`` pieces whose gradients add up to the whole batch's.

    Out of memory, the number of pieces is doubled, said, and the step repeated. Layers that look at a whole batch,
    such as BatchNorm, then see the pieces. Raises ``GraphspecError`` where one sample alone is too much, where
    earlier batches of this update are lost with the failed one, where the loss compares samples with each other, or
    where the update itself fails.
    """
    while True:
        try:
            return _in_pieces(learner, batch, share, update)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if learner.pieces >= len(batch) or not _alone(share) or learner.asks_again or learner.objective.whole:
                raise too_little(error, f"step {learner.step + 1}") from error
        learner.engine.clear_gradients()
        if learner.device.type == "cuda":
            gc.collect()  # modules that are traced are circles of references: earlier ones may still hold memory
            torch.cuda.empty_cache()
        learner.pieces = min(2 * learner.pieces, len(batch))
        message = f"memory is too small for a batch of {len(batch)}: it is computed in {learner.pieces} pieces"
        warn("out-of-memory", message, at=("data", "batch_size"))


def _in_pieces(learner: Learner, batch: Samples, share: Share, update: bool) -> float:
    if learner.pieces == 1:
        return train_step(learner, batch, share, update)
    before, metrics = learner.batch, copy.deepcopy(learner.metrics.state_dict())
    chunks = torch.arange(len(batch), device=learner.device).chunk(learner.pieces)
    loss = 0.0
    try:
        for chunk in chunks:
            piece, last = batch.take(chunk), chunk is chunks[-1]
            value = train_step(learner, piece, _share_of_piece(learner, piece, batch, share), update and last)
            loss += len(piece) / len(batch) * value
    except (RuntimeError, MemoryError):
        learner.metrics.load_state_dict(metrics)
        raise
    finally:
        learner.batch = before
    learner.batch += 1
    return loss


def _share_of_piece(learner: Learner, piece: Samples, batch: Samples, share: Share) -> Share:
    """What part `piece` is of the whole of which `batch` is `share`."""
    if isinstance(share, float) and not learner.objective.weighed:
        return share * (len(piece) / len(batch))
    masses = [learner.objective.masses(learner.binding.targets_of(samples)) for samples in (piece, batch)]
    of = share if isinstance(share, tuple) else (share,) * len(masses[0])
    return tuple(part * whole for part, whole in zip(share_of(*masses), of, strict=True))


def _alone(share: Share) -> bool:
    return share == 1 if isinstance(share, float) else all(part in (0, 1) for part in share)


def again(learner: Learner, inputs: list[Tensor], target: Values) -> Tensor:
    """Loss and gradients of the same batch at the weights of now, which are only tried."""
    learner.engine.clear_gradients()
    with torch.enable_grad():
        return learner.engine.forward_and_backward(inputs, target, 1.0, lambda loss: 0.0).loss


def _detached(output: Values) -> Values:
    if isinstance(output, Tensor):
        return output.detach().float() if output.requires_grad or output.dtype != torch.float32 else output
    return {name: value.detach().float() for name, value in output.items()}


def _error(learner: Learner, inputs: list[Tensor], loss: float) -> GraphspecError:
    return not_finite(loss, learner.place, learner.module, inputs)
