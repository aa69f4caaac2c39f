"""A run in several processes: each prepares as one does and takes its part of the batches; the first one writes.

The numbers are those of one process with the same batches, up to the order of sums.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from graphspec.data import Batches, DataSet, Samples
from graphspec.data.place import DataPlace
from graphspec.data.seeds import generator
from graphspec.diagnostics import GraphspecWarning, fail, warn
from graphspec.losses import OWN
from graphspec.spec.train import TrainSpec
from graphspec.system import processes
from graphspec.training.distributed.batch_norm import share_batch_norm
from graphspec.training.distributed.group import Group, joined
from graphspec.training.distributed.parallel import Parallel, replicate, shard, sharded
from graphspec.training.distributed.shared_batches import SharedBatches
from graphspec.training.distributed.shared_saver import SharedSaver, own_random_state
from graphspec.training.distributed.shared_step import Agreement, SharedStep
from graphspec.training.engine.protocol import Choice
from graphspec.training.evaluate.measure import measure
from graphspec.training.learner import Learner
from graphspec.training.optim.objective import Share
from graphspec.training.run.one_process import Check, Make, OneProcess
from graphspec.training.run.reporter import Reporter, Silent
from graphspec.training.run.resume import take_up
from graphspec.training.run.run_folder import RunFolder
from graphspec.training.run.run_options import RunOptions
from graphspec.training.run.saver import SAVE_SECONDS, Saver
from graphspec.training.run.signals import StopFlag

_PER_GPU = "--nproc-per-node is the number of GPUs"


class Processes(OneProcess):
    """What :class:`OneProcess` says, of all processes that torchrun has started, together."""

    def __init__(self, group: Group, parallel: Parallel, outputs: int, leave: Callable[[], None]) -> None:
        super().__init__(group.device)
        self._outputs = outputs
        self.first, self._group, self._parallel, self._leave = group.first, group, parallel, leave
        self._agreement = Agreement(StopFlag())
        self._saver: SharedSaver | None = None
        self._step: SharedStep

    @classmethod
    @contextlib.contextmanager
    def joined(cls, device: torch.device, parallel: Parallel, outputs: int) -> Iterator[Processes]:
        """All processes, joined until they leave; the network has so many `outputs`.

        Warnings are the same everywhere: the first process gives them.

        Raises ``GraphspecError`` where another process is gone.
        """
        with contextlib.ExitStack() as stack:
            group = stack.enter_context(joined(own_device(device)))
            if not group.first:
                stack.enter_context(warnings.catch_warnings(action="ignore", category=GraphspecWarning))
            yield cls(group, parallel, outputs, stack.close)

    def goes_on(self, folder: RunFolder, options: RunOptions) -> bool:
        """Also where torchrun has started the processes anew, after a run that was to be replaced has been."""
        begun = processes.restarts() > 0 and folder.is_run and (folder.has_replaced or not options.overwrite)
        return self._group.agree(super().goes_on(folder, options) or begun)

    def once(self, work: Callable[[], object]) -> None:
        """Where it raises, the others stop without a word."""
        self._group.once(work)

    def load(self, read: Callable[[DataPlace], DataSet], place: DataPlace) -> DataSet:
        """Downloaded by the first process before the others read them."""
        if place.download:
            self._group.once(lambda: read(place))
        return read(dataclasses.replace(place, download=False))

    def learners(self, module: nn.Module, make: Make, check: Check, batches: Batches) -> tuple[Learner, Learner]:
        """For a sharded module the second one is whole, on the CPU."""
        learner = make(module, self.device)
        self.once(partial(_check_parts, learner, self._parallel))
        check(learner)
        if share_batch_norm(module, self.device, learner.frozen):
            self._check_shares(batches)
        if self._parallel == "ddp":
            learner = make(module, self.device)
            return learner, learner
        whole = make(copy.deepcopy(module), torch.device("cpu"))
        shard(module, self._group)
        return make(module, self.device), whole

    def batches(self, batches: Batches) -> SharedBatches:
        return SharedBatches(batches, self._group)

    def stop_flag(self, local: StopFlag) -> StopFlag:
        self._agreement = Agreement(local)
        return self._agreement

    def threads(self, flops: int) -> None:
        """As many as the launcher has set, and no others."""

    def saver(self, learner: Learner, spec: Any, data: DataSet, folder: RunFolder) -> Saver:
        """Each process draws numbers of its own from here on."""
        torch.manual_seed(generator(data.seed, "rank", self._group.rank).initial_seed())
        self._saver = SharedSaver(learner, spec, data, folder, self._group, self._agreement)
        return self._saver

    def take_up(self, learner: Learner, state: Mapping[str, Any], saver: Saver) -> None:
        own = state if self._parallel == "ddp" else sharded(dict(state), learner.module, learner.optimizer)
        take_up(learner, own, saver.run)
        own_random_state(state, self._group)

    def choose(self, learner: Learner, settings: TrainSpec, batches: Batches, steps: int) -> Choice:
        """Steps as they are written, over DDP's or FSDP's forward pass."""
        forward: Callable[..., Any] = learner.module
        if self._parallel == "ddp":
            forward = replicate(learner.module, self._group, self._outputs > 1)
        self._step = SharedStep(forward, self._group, self._agreement)
        return Choice(learner.engine, "several processes train together")

    def step(self, learner: Learner, batch: Samples, share: Share, update: bool) -> float:
        assert self._saver is not None
        return self._step(learner, batch, share, update, self._saver.wants(SAVE_SECONDS))

    def measure(self, learner: Learner, batches: Batches) -> Mapping[str, float]:
        """The first process's: two GPUs may differ in last bits, and all must decide alike."""
        return self._group.agree_on(measure(learner, batches).metrics)

    def reporter(self, wanted: Reporter) -> Reporter:
        return wanted if self.first else Silent()

    def leave(self) -> None:
        self._leave()

    def _check_shares(self, batches: Batches) -> None:
        """BatchNorm needs a sample of each batch in each process."""
        rest = 0 if batches.drop_last else len(batches.samples) % batches.batch_size
        least = rest or batches.batch_size
        if least < self._group.size:
            message = f"a batch of {least} cannot be shared by {self._group.size} processes where there is BatchNorm"
            raise fail("batch-of-one", message, ("data", "batch_size"), "set drop_last = true, or another batch_size")


def _check_parts(learner: Learner, parallel: Parallel) -> None:
    """Refuse what is of no part of a batch, or of no shard of the weights; say what is taken for a mean of parts."""
    if learner.binding.teacher is not None and learner.objective.weighed:
        message = "each process sees its samples' part of what a teacher gives, and the weights are of whole batches"
        hint = "one process, or a loss without weight and ignore_index"
        raise fail("bad-value", message, ("train", "teacher"), hint)
    if learner.objective.whole:
        message = "the loss compares the samples of a batch with each other, and each process has a part of them"
        raise fail("bad-loss", message, ("train", "loss"), "train in one process")
    if parallel == "fsdp" and learner.precision.scaler is not None:
        hint = 'precision = "bf16", or --parallel ddp'
        raise fail("bad-value", "the scale of fp16 is not agreed between shards", ("train", "precision"), hint)
    if parallel == "fsdp" and learner.frozen.until:
        message = "shards are made once, and layers that learn later need others"
        raise fail("bad-value", message, ("train", "unfreeze"), "--parallel ddp")
    for name in dict.fromkeys(term.name for term in learner.objective.terms if term.name in OWN):
        message = f"{name} is computed of each process's samples and averaged, as a mean over samples may be"
        warn("bad-loss", message, ("train", "loss"), hint="one process, where it compares samples with each other")


def own_device(device: torch.device) -> torch.device:
    """This process's device of the kind of `device`: of several GPUs, the one of its number on this machine."""
    if device.type == "mps":
        raise fail("bad-value", "several processes cannot share an mps device", hint="--device cpu")
    if device.type != "cuda":
        return device
    if processes.local_rank() >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise fail(
            "bad-value",
            f"process {processes.local_rank()} of this machine has no GPU of its own: there are {count}",
            hint=_PER_GPU,
        )
    own = torch.device("cuda", processes.local_rank())
    torch.cuda.set_device(own)
    return own
