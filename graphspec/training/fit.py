"""What stands around the loop: epochs, validation, checkpoints, signals, progress."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from graphspec.data import Batches, Samples
from graphspec.spec.train import TrainSpec
from graphspec.training.learner import Learner
from graphspec.training.loop import steps_at_once
from graphspec.training.metrics.names import columns
from graphspec.training.optim.objective import Share, share_of
from graphspec.training.run.one_process import Served
from graphspec.training.run.reporter import Course, Reporter
from graphspec.training.run.saver import SAVE_SECONDS, Saver
from graphspec.training.run.signals import StopFlag


@dataclasses.dataclass(frozen=True)
class Fit:
    """Training of `learner` on `batches` until `epochs` epochs are done or a signal comes."""

    learner: Learner
    batches: Served
    validation: Batches | None
    epochs: int
    settings: TrainSpec
    saver: Saver
    flag: StopFlag
    reporter: Reporter
    step: Callable[[Learner, Samples, Share, bool], float]
    measure: Callable[[Learner, Batches], Mapping[str, float]]
    engage: Callable[[], str]

    def run(self) -> None:
        """Train, and save at the end; raises ``Interrupted`` or ``Terminated`` after a signal, the state saved."""
        learner = self.learner
        title = learner.objective.title
        self.reporter.start(Course(self.epochs, len(self.batches), learner.epoch, learner.batch, title))
        try:
            while learner.epoch < self.epochs and not self._stalled():
                self._epoch()
                self._close_epoch()
                self._thaw()
                self.reporter.epoch(learner.history[-1], self.epochs, learner.best.epoch)
                if learner.epoch < self.epochs and self.saver.due():
                    self.saver.save()
            self.saver.save()
        finally:
            self.reporter.close()

    def _stalled(self) -> bool:
        """Whether early stopping has waited long enough for a better value."""
        patience, best = self.settings.early_stopping, self.learner.best
        if patience is None or best.value is None or self.learner.epoch - best.epoch < patience:
            return False
        self.reporter.note(
            f"no better {best.monitor} since epoch {best.epoch}: stopped after epoch {self.learner.epoch}"
        )
        return True

    def _thaw(self) -> None:
        """Let frozen layers learn whose epoch begins: the steps are others from here on."""
        learner = self.learner
        names = learner.frozen.begins(learner.epoch)
        if names and learner.epoch < self.epochs:
            learner.thaw()
            learns = f"{', '.join(names)} {'learns' if len(names) == 1 else 'learn'} from epoch {learner.epoch + 1} on"
            self.reporter.note(f"{learns}; {self.engage()}")

    def _epoch(self) -> None:
        """The rest of the running epoch; a signal or a checkpoint waits for the next update."""
        learner, before = self.learner, time.perf_counter()
        if learner.batch == 0:
            learner.trend.begin_epoch()
        accumulate, shares = self.settings.accumulate, self._shares()
        at_once = learner.at_once
        for batch in self.batches.shuffled(learner.epoch, learner.batch, at_once):
            number, update = learner.batch, True
            if at_once and learner.engine.takes(len(batch)):
                loss = steps_at_once(learner, batch)
            else:
                update = (number + 1) % accumulate == 0 or number + 1 == len(self.batches)
                loss = self.step(learner, batch, next(shares), update)
            now = time.perf_counter()
            learner.seconds += now - before
            before = now
            for _ in range(learner.batch - number):
                learner.trend.add(loss)
                self.reporter.step(loss)
            if update and (self.flag.signal is not None or self.saver.due(SAVE_SECONDS)):
                self.saver.save()
            if update and self.flag.signal is not None:
                raise self.flag.error(learner.step)

    def _shares(self) -> Iterator[Share]:
        """What part of its update each batch is that is left of the running epoch."""
        learner, accumulate = self.learner, self.settings.accumulate
        if self.batches.mixed or not learner.objective.weighed:  # classes that are mixed have no weight of their own
            yield from (self.batches.share(number, accumulate) for number in range(learner.batch, len(self.batches)))
            return
        targets = self.batches.targets(learner.epoch, learner.batch)
        masses = (learner.objective.masses(learner.binding.targets_of(Samples({}, each))) for each in targets)
        while group := list(itertools.islice(masses, accumulate)):
            whole = [math.fsum(column) for column in zip(*group, strict=True)]
            for each in group:
                share = share_of(each, whole)
                yield 1.0 if all(part == 1 for part in share) else share

    def _close_epoch(self) -> None:
        """Measure, step the schedule, keep the best weights, and begin the next epoch."""
        learner, started = self.learner, time.perf_counter()
        learner.look_at_losses()
        row: dict[str, Any] = {"epoch": learner.epoch + 1, "step": learner.step, "lr": learner.schedule.lr}
        metrics: Mapping[str, float] = learner.metrics.compute()
        row |= columns("train", metrics)
        if self.validation is not None:
            with learner.averaged():
                metrics = self.measure(learner, self.validation)
                learner.best.offer(metrics, learner.epoch + 1, learner.module)
            row |= columns("validation", metrics)
        learner.schedule.after_epoch(metrics[str(learner.best.monitor)])
        learner.metrics.reset()
        learner.epoch, learner.batch = learner.epoch + 1, 0
        learner.seconds += time.perf_counter() - started
        row["seconds"] = round(learner.seconds - sum(earlier["seconds"] for earlier in learner.history), 6)
        learner.history.append(row)
