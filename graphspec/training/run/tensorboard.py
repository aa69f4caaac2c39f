"""The metrics of each epoch for TensorBoard, beside what another reporter says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphspec.diagnostics import fail
from graphspec.training.metrics.names import by_part
from graphspec.training.run.reporter import Course, Reporter, default_reporter


class TensorBoard:
    """Writes ``loss/train``, ``accuracy/validation``, ``lr``, … into `folder`, an epoch at a time, never a step."""

    def __init__(self, reporter: Reporter, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            hint = "pip install 'graphspec[tensorboard]'"
            raise fail("missing-package", "--tensorboard needs the package tensorboard", hint=hint) from error
        self._reporter, self._folder, self._make = reporter, folder, SummaryWriter
        self._writer: Any = None

    def start(self, course: Course) -> None:
        """Training begins, or goes on: what a killed run wrote for epochs that come again is hidden."""
        if self._folder.is_symlink():
            raise fail("outside", f"{self._folder} is a symbolic link: nothing is written through it")
        self._writer = self._make(str(self._folder), purge_step=course.epoch + 1)
        self._reporter.start(course)

    def note(self, text: str) -> None:
        """Passed on."""
        self._reporter.note(text)

    def step(self, loss: float) -> None:
        """Passed on."""
        self._reporter.step(loss)

    def epoch(self, row: Mapping[str, Any], epochs: int, best_epoch: int) -> None:
        """Write a line of metrics.csv."""
        for part, metrics in by_part(row).items():
            for name, value in metrics.items():
                self._writer.add_scalar(f"{name}/{part}", value, row["epoch"])
        self._writer.add_scalar("lr", row["lr"], row["epoch"])
        self._writer.flush()
        self._reporter.epoch(row, epochs, best_epoch)

    def close(self) -> None:
        """Training has ended, however it ended."""
        if self._writer is not None:
            self._writer.close()
        self._reporter.close()


def beside(reporter: Reporter | None, run: Path) -> TensorBoard:
    """TensorBoard's files in the run folder `run`, beside `reporter` or the usual one."""
    return TensorBoard(reporter or default_reporter(), run / "tensorboard")
