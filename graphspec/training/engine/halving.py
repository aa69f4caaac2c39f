"""A step that goes on with half a batch at a time where memory is too small for a whole one."""

from __future__ import annotations

import copy

import torch

from graphspec.data import Samples
from graphspec.diagnostics import warn
from graphspec.system.out_of_memory import is_out_of_memory, too_little
from graphspec.training.learner import Learner
from graphspec.training.loop import train_step


def halving_step(learner: Learner, batch: Samples, share: float, update: bool) -> float:
    """:func:`train_step`, in ``learner.pieces`` pieces whose gradients add up to the whole batch's.

    Out of memory, the number of pieces is doubled, said, and the step repeated. Layers that look at a whole batch,
    such as BatchNorm, then see the pieces. Raises ``GraphspecError`` where one sample alone is too much, where
    earlier batches of this update are lost with the failed one, or where the update itself fails.
    """
    while True:
        try:
            return _in_pieces(learner, batch, share, update)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if learner.pieces >= len(batch) or share != 1 or learner.asks_again:
                raise too_little(error, f"step {learner.step + 1}") from error
        learner.clear_gradients()
        if learner.device.type == "cuda":
            torch.cuda.empty_cache()
        learner.pieces = min(2 * learner.pieces, len(batch))
        message = f"memory is too small for a batch of {len(batch)}: it is computed in {learner.pieces} pieces"
        warn("out-of-memory", message, at=("data", "batch_size"))


def _in_pieces(learner: Learner, batch: Samples, share: float, update: bool) -> float:
    if learner.pieces == 1:
        return train_step(learner, batch, share, update)
    before, metrics = learner.batch, copy.deepcopy(learner.metrics.state_dict())
    rows = torch.arange(len(batch), device=learner.device)
    chunks = rows.chunk(learner.pieces)
    loss = 0.0
    try:
        for chunk in chunks:
            part = len(chunk) / len(batch)
            loss += part * train_step(learner, batch.take(chunk), share * part, update and chunk is chunks[-1])
    except (RuntimeError, MemoryError):
        learner.metrics.load_state_dict(metrics)
        raise
    finally:
        learner.batch = before
    learner.batch += 1
    return loss
