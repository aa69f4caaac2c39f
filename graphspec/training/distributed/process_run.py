"""A run in several processes: each prepares as one does and takes its part of the batches; the first one writes."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from graphspec.data import Batches, DataSet, Samples
from graphspec.data.seeds import generator
from graphspec.diagnostics import GraphspecWarning, fail
from graphspec.shapes.shaped import ShapedGraph
from graphspec.spec.train import TrainSpec
from graphspec.system import processes
from graphspec.training.checks.preflight import preflight
from graphspec.training.distributed.batch_norm import share_batch_norm
from graphspec.training.distributed.group import Group, joined
from graphspec.training.distributed.parallel import Parallel, replicate, shard, sharded
from graphspec.training.distributed.shared_batches import SharedBatches
from graphspec.training.distributed.shared_saver import SharedSaver, own_random_state
from graphspec.training.distributed.shared_step import Agreement, distributed_step
from graphspec.training.engine.threads import Threads
from graphspec.training.fit import Fit
from graphspec.training.learner import Learner
from graphspec.training.loop import measure
from graphspec.training.run import checkpoint
from graphspec.training.run.reporter import Reporter, Silent
from graphspec.training.run.resume import take_up
from graphspec.training.run.run_folder import RunFolder
from graphspec.training.run.saver import SAVE_SECONDS
from graphspec.training.run.signals import stop_flag
from graphspec.training.train import load_data, make_learner


@dataclasses.dataclass(frozen=True)
class Trained:
    """How the run ended in this process. ``judge`` measures the best weights: its module is whole."""

    learner: Learner
    judge: Learner
    data: DataSet
    first: bool


@dataclasses.dataclass(frozen=True)
class Job:
    """What is trained, where to, and how: the same in every process."""

    module: nn.Module
    shaped: ShapedGraph
    settings: TrainSpec
    folder: RunFolder
    epochs: int
    device: torch.device
    parallel: Parallel
    data_root: Path | None
    download: bool
    begin: Callable[[], None]

    def learner(self, module: nn.Module, data: DataSet) -> Learner:
        """A new one for `module`, on this process's device."""
        return make_learner(module, self.shaped, data, self.device, self.epochs)


def train_together(job: Job, resume: bool, reporter: Reporter) -> Trained:
    """Train in this process and all others that torchrun has started, up to the last checkpoint.

    The numbers are those of one process with the same batches, up to the order of sums. Where torchrun has started the
    processes anew, the run in the folder goes on. Raises ``GraphspecError`` as :func:`graphspec.training.train` does,
    and where another process is gone.
    """
    folder = job.folder
    with joined(job.device) as group, contextlib.ExitStack() as stack:
        stack.enter_context(_quiet_but_first(group))
        resume = group.agree(resume or (processes.restarts() > 0 and folder.is_run))
        group.once(lambda: folder.check(resume))
        data = _load(job, group)
        if not resume:
            job.begin()
        learner, judge = _learners(job, data, group)
        agreement = Agreement(stack.enter_context(stop_flag()))
        group.once(lambda: _enter(stack, folder))
        saver = SharedSaver(learner, job.shaped.spec, data, folder, group, agreement)
        _start(job, learner, saver, resume, group)
        if job.parallel == "fsdp":
            learner.forward = learner.module
        else:
            learner.forward = replicate(learner.module, group, several_outputs=len(job.shaped.outputs) > 1)

        def step(learner: Learner, batch: Samples, share: float, update: bool) -> float:
            return distributed_step(learner, group, agreement, saver.wants(SAVE_SECONDS), batch, share, update)

        def agreed_measure(learner: Learner, batches: Batches) -> dict[str, float]:
            return group.agree_on(measure(learner, batches))

        Fit(
            learner, SharedBatches(data.batches("train", job.device), group),
            data.batches("validation", job.device) if data.validation is not None else None,
            job.epochs, job.settings, saver, _SetThreads(job.module, lambda trial: None), agreement,
            reporter if group.first else Silent(), step, agreed_measure,
        ).run()  # fmt: skip
        return Trained(learner, judge or learner, data, group.first)


_PER_GPU = "--nproc-per-node is the number of GPUs"


def own_device(device: torch.device) -> torch.device:
    """This process's device of the kind of `device`: of several GPUs, the one of its number on this machine."""
    if device.type == "mps":
        raise fail("bad-value", "several processes cannot share an mps device", hint="--device cpu")
    if device.type != "cuda":
        return device
    if processes.local_rank() >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise fail(
            "bad-value", f"process {processes.local_rank()} of this machine has no GPU of its own: there are {count}"
        )
    own = torch.device("cuda", processes.local_rank())
    torch.cuda.set_device(own)
    return own


class _SetThreads(Threads):
    """As many threads as the launcher has set, and no others."""

    def after_step(self, seconds: float) -> bool:
        return False


def _quiet_but_first(group: Group) -> contextlib.AbstractContextManager[object]:
    """Warnings are the same everywhere: the first process gives them."""
    return (
        contextlib.nullcontext() if group.first else warnings.catch_warnings(action="ignore", category=GraphspecWarning)
    )


def _enter(stack: contextlib.ExitStack, folder: RunFolder) -> None:
    stack.enter_context(folder)


def _load(job: Job, group: Group) -> DataSet:
    """The data, downloaded by the first process before the others read them."""
    if job.download:
        group.once(lambda: _discard(load_data(job.shaped.spec, job.data_root, download=True)))
    return load_data(job.shaped.spec, job.data_root)


def _discard(data: DataSet) -> None:
    """Only the files were wanted."""


def _learners(job: Job, data: DataSet, group: Group) -> tuple[Learner, Learner | None]:
    """What is trained, after all checks; for a sharded module also one that is whole, on the CPU."""
    learner = job.learner(job.module, data)
    batches = data.batches("train", job.device)
    preflight(job.module, learner.objective, learner.fields, batches, data)
    if share_batch_norm(job.module, job.device):
        least = len(batches.samples) % batches.batch_size or batches.batch_size
        if batches.drop_last:
            least = batches.batch_size
        if least < group.size:
            message = f"a batch of {least} cannot be shared by {group.size} processes where there is BatchNorm"
            raise fail("batch-of-one", message, ("data", "batch_size"), "set drop_last = true, or another batch_size")
    if job.parallel == "ddp":
        return job.learner(job.module, data), None
    if job.settings.precision == "fp16":
        hint = 'precision = "bf16", or --parallel ddp'
        raise fail("bad-value", "the scale of fp16 is not agreed between shards", ("train", "precision"), hint)
    whole = make_learner(copy.deepcopy(job.module), job.shaped, data, torch.device("cpu"), job.epochs)
    shard(job.module, group)
    return job.learner(job.module, data), whole


def _start(job: Job, learner: Learner, saver: SharedSaver, resume: bool, group: Group) -> None:
    """Write what a run is known by, or take up its newest checkpoint; each process draws numbers of its own."""
    torch.manual_seed(generator(job.settings.seed, "rank", group.rank).initial_seed())
    state = checkpoint.load(saver.folder.checkpoints) if resume else None
    if state is None:
        group.once(saver.begin)
        return
    own = state if job.parallel == "ddp" else sharded(state, learner.module, learner.optimizer)
    take_up(learner, own, saver.run)
    own_random_state(state, group)
