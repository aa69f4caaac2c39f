"""When a run is saved, and what is written then."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from graphspec.data import DataSet
from graphspec.data.learned import Learned
from graphspec.diagnostics import fail, printable, quoted, warn
from graphspec.module.weights import whole_state
from graphspec.spec.dump import dump
from graphspec.spec.model import NetworkSpec
from graphspec.spec.train import TrainSpec
from graphspec.training.engine.protocol import Choice
from graphspec.training.learner import Learner
from graphspec.training.optim.teacher import fingerprint
from graphspec.training.own.loss import noted
from graphspec.training.own.used import own_code
from graphspec.training.run import checkpoint
from graphspec.training.run.reporter import Reporter
from graphspec.training.run.run_folder import RunFolder, as_json, environment

#: A checkpoint is written when the time since the last one is this many times what writing it took.
SAVE_INTERVAL = 20
#: Lines about columns that are printed.
_MOST_LINES = 20
#: In the middle of an epoch, seconds between checkpoints at least.
SAVE_SECONDS = 60.0


class Saver:
    """Writes checkpoints, weights and metrics, as often as it costs little."""

    def __init__(self, learner: Learner, spec: NetworkSpec, data: DataSet, folder: RunFolder) -> None:
        self.learner, self.spec, self.folder = learner, spec, folder
        self.environment = environment(learner.device, spec.train.seed if spec.train else 0)
        self.run = {
            "spec": spec.model_dump(mode="json", by_alias=True, exclude_none=True),
            "data": data.fingerprint,
            "environment": self.environment,
            "own": own_code(spec),
            "teacher": fingerprint(spec.train),
        }
        if spec.train and spec.train.teacher:
            self.environment["teacher"] = {"run": spec.train.teacher, "sha256": self.run["teacher"]}
        self.learned, self.data = Learned.of(data), data
        self._saved = time.perf_counter()
        self._took = 0.0

    def say(self, choice: Choice, settings: TrainSpec, reporter: Reporter) -> None:
        """Say which engine computes the steps, once; a new run keeps it in ``environment.json``."""
        self.environment["engine"] = {"name": choice.engine.name, "reason": choice.reason}
        asked = settings.engine
        if asked not in ("default", "eager") and choice.engine.name == "eager":
            warn("not-recorded", f"{choice.reason}: every step runs as it is written", at=("train", "engine"))
        elif asked == "default":
            reporter.note(str(choice))

    def say_what_is_own(self, reporter: Reporter) -> None:
        """Say, of a run that goes on, which code of the user's it depends on."""
        if self.run["own"]:
            names = ", ".join(self.run["own"])
            reporter.note(f"code of your own ({names}) goes on bit for bit only where it keeps nothing itself")

    def say_teacher(self, settings: TrainSpec, reporter: Reporter) -> None:
        """Say which run teaches, and what that is left out of."""
        if settings.teacher is not None:
            measured = ", ".join(loss.type for loss in settings.of_data)
            reporter.note(
                f"teacher: {quoted(settings.teacher)}, in training alone; validation and test measure {measured}"
            )

    def say_columns(self, reporter: Reporter) -> None:
        """Say what was decided about each column of a table or a series; the run keeps it in ``learned.json``."""
        lines = self.learned.lines()
        for line in lines[:_MOST_LINES]:
            reporter.note(printable(line))
        if len(lines) > _MOST_LINES:
            reporter.note(f"… and {len(lines) - _MOST_LINES:,} more columns, in learned.json")

    def begin(self, reporter: Reporter | None = None) -> None:
        """Write what a new run is known by: the environment as the mark of a run, and the resolved spec, and what
        is learned from the data.

        The mark comes first: a run that is killed between them can be resumed, and writes all of them again. `reporter`
        is told where a run is kept that was there before.
        """
        mark = as_json({**self.environment, "data": self.data.noted})
        spec = dump(noted(self.spec)).encode()
        kept = self.folder.begin({"environment.json": mark, **self.learned.files, "spec.toml": spec})
        if kept is not None and reporter is not None:
            reporter.note(f"the run that was in {self.folder.path} is kept in {kept} until this one has ended")

    def due(self, least: float = 0.0) -> bool:
        """Whether enough time has passed, `least` seconds at least."""
        return time.perf_counter() - self._saved >= max(least, SAVE_INTERVAL * self._took)

    def save(self) -> None:
        """Write everything that a run can go on from, and what it has reached.

        Raises ``GraphspecError`` where an update has made a weight that is not finite; what was saved before stays.
        """
        learner, started = self.learner, time.perf_counter()
        learner.look_at_losses()
        self.write(learner.state_dict(), self.best())
        self.note_saved(started)

    def note_saved(self, started: float) -> None:
        """To be told that everything is written, and when that began."""
        self._saved = time.perf_counter()
        self._took = self._saved - started

    def best(self) -> dict[str, Tensor]:
        """The best weights so far; before anything was measured, those of now, averaged where that is asked for."""
        if self.learner.best.weights:
            return self.learner.best.weights
        with self.learner.averaged():
            return {name: value.clone() for name, value in whole_state(self.learner.module).items()}

    def write(self, state: Mapping[str, Any], best: Mapping[str, Tensor]) -> None:
        """Write `state`, a learner's, and the weights that are `best` so far."""
        step = state["progress"]["step"]
        for name, value in state["module"].items():
            if value.is_floating_point() and not value.isfinite().all():
                message = f"{quoted(name)} is not finite after step {step}"
                raise fail("non-finite", message, at=("train",), hint="nothing was saved; a smaller lr often helps")
        checkpoint.save(self.folder.checkpoints, step, {"run": self.run, **state})
        self.folder.write_weights("last", state["module"])
        self.folder.write_weights("best", best)
        self.folder.write_metrics(state["history"])
