"""What a run asks of the processes that it runs in: here there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from graphspec.data import Batches, DataSet, Samples
from graphspec.data.place import DataPlace
from graphspec.spec.train import TrainSpec
from graphspec.training.engine.choose import choose
from graphspec.training.engine.protocol import Choice
from graphspec.training.engine.threads import set_threads
from graphspec.training.evaluate.measure import measure
from graphspec.training.learner import Learner
from graphspec.training.loop import halving_step
from graphspec.training.optim.objective import Share
from graphspec.training.run.reporter import Reporter
from graphspec.training.run.resume import take_up
from graphspec.training.run.run_folder import RunFolder
from graphspec.training.run.run_options import RunOptions
from graphspec.training.run.saver import Saver
from graphspec.training.run.signals import StopFlag

#: Makes the learner of a module on a device, and a learner's check before the first step.
Make = Callable[[nn.Module, torch.device], Learner]
Check = Callable[[Learner], None]


class Served(Protocol):
    """Training batches, as :class:`Batches` serves them."""

    def __len__(self) -> int: ...

    @property
    def mixed(self) -> bool: ...

    def share(self, number: int, accumulate: int) -> float: ...

    def targets(self, epoch: int, start: int = 0) -> Iterator[Mapping[str, Tensor]]: ...

    def shuffled(self, epoch: int, start: int = 0, at_once: int = 0) -> Iterator[Samples]: ...


class OneProcess:
    """A run in this process alone. ``first`` is the process that writes, evaluates and prints."""

    first = True

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def goes_on(self, folder: RunFolder, options: RunOptions) -> bool:
        """Whether the run in `folder` goes on."""
        return folder.is_run if options.resume == "auto" else options.resume

    def once(self, work: Callable[[], object]) -> None:
        """Do `work` in the first process; all wait for it."""
        work()

    def load(self, read: Callable[[DataPlace], DataSet], place: DataPlace) -> DataSet:
        """The data that `read` finds at `place`, downloaded where they are not there and it allows that."""
        return read(place)

    def learners(self, module: nn.Module, make: Make, check: Check, batches: Batches) -> tuple[Learner, Learner]:
        """What is trained, after all checks, and what measures the best weights: its module is whole."""
        learner = make(module, self.device)
        check(learner)
        return learner, learner

    def batches(self, batches: Batches) -> Served:
        """This process's part of each batch."""
        return batches

    def stop_flag(self, local: StopFlag) -> StopFlag:
        """Whether a signal has come to any of the processes."""
        return local

    def threads(self, flops: int) -> None:
        """Set how many threads torch uses for steps of so many `flops`."""
        if self.device.type == "cpu":
            set_threads(flops)

    def saver(self, learner: Learner, spec: Any, data: DataSet, folder: RunFolder) -> Saver:
        """What writes the run."""
        return Saver(learner, spec, data, folder)

    def take_up(self, learner: Learner, state: Mapping[str, Any], saver: Saver) -> None:
        """Put `learner` where the run was that saved `state`."""
        take_up(learner, state, saver.run)

    def choose(self, learner: Learner, settings: TrainSpec, batches: Batches, steps: int) -> Choice:
        """The engine of the `steps` steps before `learner`."""
        return choose(learner, settings, batches, steps)

    def step(self, learner: Learner, batch: Samples, share: Share, update: bool) -> float:
        """One step, see :func:`graphspec.training.loop.train_step`."""
        return halving_step(learner, batch, share, update)

    def measure(self, learner: Learner, batches: Batches) -> Mapping[str, float]:
        """``loss`` and the metrics of a part."""
        return measure(learner, batches).metrics

    def reporter(self, wanted: Reporter) -> Reporter:
        """Who says how the run goes."""
        return wanted

    def leave(self) -> None:
        """Nothing more is done together."""
