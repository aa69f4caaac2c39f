"""Which engine computes the steps of a run: one other than eager only where it is certain to compute the same."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from graphspec.data import Batches
from graphspec.spec.train import TrainSpec
from graphspec.training.engine.certain import own_code, uncertain
from graphspec.training.engine.compiled import Compiled
from graphspec.training.engine.cuda_graph import CudaGraph
from graphspec.training.engine.eager import Eager
from graphspec.training.engine.native import operations
from graphspec.training.engine.native.engine import Native
from graphspec.training.engine.native.rewriting import in_c
from graphspec.training.engine.protocol import Choice
from graphspec.training.engine.recorded import Recorded
from graphspec.training.engine.recording import Batch, plain, record
from graphspec.training.engine.update import DirectUpdate
from graphspec.training.learner import Learner

#: Recording and proving a pass cost as much as a hundred steps of a small network gain.
WORTHWHILE_STEPS = 200
#: How far a pass may differ where the last bits are given up, relative to the greatest value.
TOLERANCE = 1e-5


def choose(learner: Learner, settings: TrainSpec, batches: Batches, steps: int) -> Choice:
    """The engine that ``[train] engine`` stands for in the `steps` steps before `learner`."""
    parts = (learner.module, learner.objective, learner.optimizer, learner.precision)
    if settings.engine == "eager":
        return Choice(Eager(*parts), "as [train] engine says")
    if settings.engine == "compiled":
        if reason := own_code(learner.module):
            return Choice(Eager(*parts), reason)
        kind = CudaGraph if learner.device.type == "cuda" else Compiled
        return Choice(kind(*parts), "as [train] engine says")
    if learner.device.type != "cpu" or not learner.precision.full:
        return Choice(Eager(*parts), "steps are recorded on the CPU in fp32 only")
    exact, many = settings.engine == "default", steps >= WORTHWHILE_STEPS
    direct = _direct(learner, exact, many)
    reason = uncertain(learner.module, [term.loss for term in learner.objective.terms])
    if not reason and learner.asks_again:
        reason = f"{type(learner.optimizer).__name__} asks for the loss several times a step"
    if not reason and exact and not many:
        reason = f"{steps} steps are too few to gain by a recording"
    return (
        Choice(Eager(*parts, direct), reason) if reason else _recorded(Eager(*parts, direct), learner, batches, exact)
    )


def _direct(learner: Learner, exact: bool, many: bool) -> DirectUpdate | None:
    if not DirectUpdate.applies(learner.optimizer):
        return None
    return DirectUpdate(learner.optimizer, fused=not exact, compiled=many)


def _recorded(eager: Eager, learner: Learner, batches: Batches, exact: bool) -> Choice:
    """The pass of `eager` recorded, in C where that can be had, and proven; `eager` where it proves to be another."""
    pairs = _pairs(learner, batches)
    if not pairs:
        return Choice(eager, "there is no whole batch to record")
    obstacle = operations.obstacle()
    tolerance = 0.0 if exact else TOLERANCE
    recording = record(eager.module, eager.objective, pairs, tolerance, plain if obstacle else in_c)
    if recording is None:
        return Choice(eager, "a recording of its step does not give the same numbers")
    parts = (eager.module, eager.objective, eager.optimizer, eager.precision, eager.direct)
    if recording.calls_of_c:
        return Choice(Native(*parts, recording=recording), "torch's own layers alone; proven on two batches")
    why = obstacle or "none of its operations gains by C"
    return Choice(Recorded(*parts, recording=recording), f"torch's own layers alone; proven on two batches; {why}")


def _pairs(learner: Learner, batches: Batches) -> Sequence[Batch]:
    """Two batches, as numbers that one batch alone would bake in differ on the other."""
    return [
        (learner.binding.inputs_of(batch), learner.binding.targets_of(batch))
        for batch in itertools.islice(batches.shuffled(0), 2)
        if len(batch) == batches.batch_size
    ]
