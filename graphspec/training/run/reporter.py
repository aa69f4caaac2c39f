"""Progress on standard error: a live bar on a terminal, one plain line an epoch elsewhere."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any, Protocol

from graphspec.system.shown import display_room, in_notebook
from graphspec.training.metrics.names import by_part


@dataclasses.dataclass(frozen=True, slots=True)
class Course:
    """What lies before training: `epochs` of `batches` each, of which `epoch` epochs and `batch` batches are done."""

    epochs: int
    batches: int
    epoch: int
    batch: int
    loss: str

    @property
    def taken_up(self) -> str:
        """How far it had come; nothing where it begins."""
        began = self.epoch or self.batch
        return f"going on after {self.epoch} epochs and {self.batch} of {self.batches} batches" if began else ""


class Reporter(Protocol):
    """What training tells while it runs."""

    def start(self, course: Course) -> None:
        """Training begins, or goes on."""

    def note(self, text: str) -> None:
        """Something worth knowing happened."""

    def step(self, loss: float) -> None:
        """A step is done."""

    def epoch(self, row: Mapping[str, Any], epochs: int, best_epoch: int) -> None:
        """An epoch is done; `row` is its line of metrics.csv, and the best weights so far are those of `best_epoch`, 0
        where nothing says which are better.
        """

    def close(self) -> None:
        """Training has ended, however it ended."""


class Silent:
    """Says nothing."""

    def start(self, course: Course) -> None: ...

    def note(self, text: str) -> None: ...

    def step(self, loss: float) -> None: ...

    def epoch(self, row: Mapping[str, Any], epochs: int, best_epoch: int) -> None: ...

    def close(self) -> None: ...


class Lines(Silent):
    """One line an epoch; of very many epochs about a hundred lines."""

    def start(self, course: Course) -> None:
        if course.epoch >= course.epochs:
            self.note(f"all {course.epochs} epochs are done already")
        elif course.taken_up:
            self.note(course.taken_up)

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def epoch(self, row: Mapping[str, Any], epochs: int, best_epoch: int) -> None:
        every = max(1, epochs // 100)
        if row["epoch"] % every == 0 or row["epoch"] in (1, epochs):
            print(epoch_line(row, epochs), file=sys.stderr, flush=True)


class Bar(Lines):
    """The same lines with a bar below them that shows the running epoch."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        self._console = Console(stderr=True)
        columns: tuple[ProgressColumn, ...] = (
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
        )
        columns += (TextColumn("loss {task.fields[loss]}"), TimeRemainingColumn())
        self._progress = Progress(*columns, console=self._console, transient=True)

    def start(self, course: Course) -> None:
        super().start(course)
        total = max(0, course.epochs - course.epoch) * course.batches
        which = f"{course.epoch + 1}/{course.epochs}"
        self._task = self._progress.add_task("", total=total, completed=course.batch, epoch=which, loss="–")
        self._progress.start()

    def step(self, loss: float) -> None:
        self._progress.update(self._task, advance=1, loss=f"{loss:.4f}")

    def epoch(self, row: Mapping[str, Any], epochs: int, best_epoch: int) -> None:
        super().epoch(row, epochs, best_epoch)
        self._progress.update(self._task, epoch=f"{min(row['epoch'] + 1, epochs)}/{epochs}")

    def close(self) -> None:
        self._progress.stop()


def default_reporter() -> Reporter:
    """A curve in a notebook, a bar where standard error is a terminal, lines elsewhere."""
    if in_notebook():
        curve: Reporter = display_room("live").LiveCurve()
        return curve
    return Bar() if sys.stderr.isatty() else Lines()


def epoch_line(row: Mapping[str, Any], epochs: int, width: int = 79) -> str:
    """``epoch 2/5  loss 0.4012  accuracy 0.8551  validation loss 0.4188  accuracy 0.8483  3.1 s``.

    Where that is wider than `width`, the training part has its loss alone; then the last metrics are left out.
    """
    parts = {
        part: [f"{name} {_number(value)}" for name, value in found.items()] for part, found in by_part(row).items()
    }
    *others, last = parts
    line = _joined(row, epochs, parts)
    for part in others:
        if len(line) > width:
            parts[part] = parts[part][:1]
            line = _joined(row, epochs, parts)
    kept = parts[last]
    while len(line) > width and len(kept) > 1:
        kept = kept[:-1]
        line = _joined(row, epochs, {**parts, last: [*kept, "…"]})
    return line


def _joined(row: Mapping[str, Any], epochs: int, parts: Mapping[str, list[str]]) -> str:
    said = ["  ".join(["" if part == "train" else part, *found]).strip() for part, found in parts.items()]
    said = [text.replace("validation  ", "validation ") for text in said]
    return "  ".join([f"epoch {row['epoch']}/{epochs}", *said, f"{row['seconds']:.1f} s"])


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.5g}"
