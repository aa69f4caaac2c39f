"""Which engine computes the steps of a run: one other than eager only where it is certain to compute the same."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch

from graphspec.data import Batches
from graphspec.spec.train import TrainSpec
from graphspec.training.engine.certain import own_code, uncertain
from graphspec.training.engine.compiled import Compiled
from graphspec.training.engine.cuda_graph import MOST_BYTES, STEPS, CudaGraph, memory_of, proven
from graphspec.training.engine.eager import Eager
from graphspec.training.engine.native import operations
from graphspec.training.engine.native.engine import Native
from graphspec.training.engine.native.rewriting import in_c
from graphspec.training.engine.protocol import Choice
from graphspec.training.engine.recorded import Recorded
from graphspec.training.engine.recording import Batch, leaves, plain, record
from graphspec.training.engine.update import DirectUpdate
from graphspec.training.learner import Learner
from graphspec.training.optim.several import name_of

#: Recording and proving a pass cost as much as a hundred steps of a small network gain.
WORTHWHILE_STEPS = 200
#: How far a pass may differ where the last bits are given up, relative to the greatest value.
TOLERANCE = 1e-5


def choose(learner: Learner, settings: TrainSpec, batches: Batches, steps: int) -> Choice:
    """The engine that ``[train] engine`` stands for in the `steps` steps before `learner`."""
    eager = learner.eager()
    if settings.engine == "eager":
        return Choice(eager, "as [train] engine says")
    if settings.engine == "compiled":
        if reason := own_code(learner.module):
            return Choice(eager, reason)
        return Choice(Compiled(**eager.parts()), "as [train] engine says")
    if learner.device.type == "cuda":
        return _graph(eager, learner, settings, batches, steps)
    if learner.device.type != "cpu" or not learner.precision.full:
        return Choice(eager, "steps are recorded on the CPU in fp32 only")
    exact, many = settings.engine == "default", steps >= WORTHWHILE_STEPS
    eager.direct = _direct(learner, exact, many)
    reason = uncertain(learner.module, [term.loss for term in learner.objective.terms])
    if not reason and learner.asks_again:
        reason = f"{name_of(learner.optimizer)} asks for the loss several times a step"
    if not reason and exact and not many:
        reason = f"{steps} steps are too few to gain by a recording"
    return Choice(eager, reason) if reason else _recorded(eager, learner, batches, exact)


def _graph(eager: Eager, learner: Learner, settings: TrainSpec, batches: Batches, steps: int) -> Choice:
    """The steps of `eager` as a CUDA graph, where they are certain to be the same in each; `eager` where not."""
    reason = uncertain(learner.module, [term.loss for term in learner.objective.terms])
    reason = reason or _not_alike(learner, settings)
    if not reason and steps < WORTHWHILE_STEPS:
        reason = f"{steps} steps are too few to gain by a graph"
    pairs = [] if reason else _pairs(learner, batches)
    if reason or not pairs:
        return Choice(eager, reason or "there is no whole batch to capture")
    free = torch.cuda.mem_get_info(learner.device)[0]
    if 4 * memory_of(eager, pairs[0]) > free:
        return Choice(eager, "a graph would keep the memory of its steps, and they take much")
    if not proven(eager, pairs):
        return Choice(eager, "a CUDA graph of its step does not give the same numbers")
    at_once = _at_once(batches, pairs[0]) if batches.kept else 1
    engine = CudaGraph(**eager.parts() | {"batch_size": batches.batch_size, "at_once": at_once})
    return Choice(engine, f"torch's own layers alone; proven on two batches; steps a launch: {at_once}")


def _not_alike(learner: Learner, settings: TrainSpec) -> str:
    """Why two steps of `learner` differ in what Python decides; empty where they do not."""
    if not all(group.get("fused") for group in learner.optimizer.param_groups):
        return f"{name_of(learner.optimizer)} has no fused step"
    if learner.precision.scaler is not None:
        return "fp16 scales its loss by what a step finds"
    if settings.accumulate > 1:
        return "several batches make one update"
    if learner.schedule.per_step:
        return "the learning rate changes in every step"
    if learner.binding.teacher is not None:
        return "a teacher computes beside it"
    if learner.objective.weighed:
        return "its loss is divided by weights that are counted batch by batch"
    return ""


def _at_once(batches: Batches, pair: Batch) -> int:
    """How many steps a launch has: so that few are left over at the end of an epoch, and several launches in one.

    A learning rate that changes after an epoch means another capture, which takes as long as the steps as written.
    """
    size = sum(value.nbytes for value in (*pair[0], *leaves(pair[1])))
    whole, most = len(batches.samples) // batches.batch_size, MOST_BYTES // max(1, size)
    steps = [count for count in STEPS if count <= min(whole // 4, most)]
    return min(steps, key=lambda count: (whole % count, -count)) if steps else max(1, min(whole // 4, most))


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
    if recording.calls_of_c:
        return Choice(Native(**eager.parts(), recording=recording), "torch's own layers alone; proven on two batches")
    why = obstacle or "none of its operations gains by C"
    return Choice(
        Recorded(**eager.parts(), recording=recording), f"torch's own layers alone; proven on two batches; {why}"
    )


def _pairs(learner: Learner, batches: Batches) -> Sequence[Batch]:
    """Two batches, as numbers that one batch alone would bake in differ on the other."""
    binding = learner.binding
    whole = [batch for batch in itertools.islice(batches.shuffled(0), 2) if len(batch) == batches.batch_size]
    pairs = [(binding.inputs_of(batch), batch) for batch in whole]
    return [(inputs, binding.lesson_of(batch, inputs)) for inputs, batch in pairs]
