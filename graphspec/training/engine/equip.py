"""How a step is computed: as written in the loop, or by a faster way to the same numbers."""

from __future__ import annotations

import itertools

import torch

from graphspec.data import Batches
from graphspec.diagnostics import warn
from graphspec.spec.train import TrainSpec
from graphspec.training.engine.certain import own_code, uncertain
from graphspec.training.engine.recorded import Recorded, record
from graphspec.training.engine.update import DirectUpdate
from graphspec.training.learner import Learner

#: Recording and proving a pass cost as much as a hundred steps of a small network gain.
WORTHWHILE_STEPS = 200
#: How far a pass may differ where the last bits are given up, relative to the greatest value.
TOLERANCE = 1e-5


def equip(learner: Learner, settings: TrainSpec, batches: Batches, steps: int) -> None:
    """Give `learner` the ways of ``[train] engine`` for the `steps` steps before it, where they apply."""
    asked, exact, many = settings.engine, settings.engine == "default", steps >= WORTHWHILE_STEPS
    if asked == "compiled" and _is_torchs_own(own_code(learner.module), asked):
        mode = "reduce-overhead" if learner.device.type == "cuda" else None  # which also records CUDA graphs
        learner.forward = torch.compile(learner.module, mode=mode)
    if asked in ("compiled", "eager") or learner.device.type != "cpu" or not learner.precision.full:
        return
    if DirectUpdate.applies(learner.optimizer):
        learner.direct = DirectUpdate(learner.optimizer, fused=not exact, compiled=many)
    if exact and not many:
        return
    reason = uncertain(learner.module, [term.loss for term in learner.objective.terms])
    if _is_torchs_own(reason, asked):
        learner.recorded = _recording(learner, batches, 0.0 if exact else TOLERANCE)
        if not exact and learner.recorded is None:
            warn("not-recorded", "the step of this network cannot be recorded: it runs eagerly", at=("train", "engine"))


def _is_torchs_own(reason: str, asked: str) -> bool:
    """Whether there is no `reason` to run each step as it is written; where another way was asked for, that is said."""
    if reason and asked != "default":
        warn("not-recorded", f"{reason}: every step runs as it is written", at=("train", "engine"))
    return not reason


def _recording(learner: Learner, batches: Batches, tolerance: float) -> Recorded | None:
    """Proven on two batches: numbers that one batch alone would bake in differ on the other."""
    pairs = [
        (learner.binding.inputs_of(batch), learner.binding.targets_of(batch))
        for batch in itertools.islice(batches.shuffled(0), 2)
        if len(batch) == batches.batch_size
    ]
    return record(learner.module, learner.objective, pairs, tolerance) if pairs else None
