"""What training and evaluation give back."""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphspec.compiler import Network
from graphspec.data.place import DataLike, DataPlace
from graphspec.system.shown import Shown
from graphspec.training.metrics.names import by_part

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch.fx import GraphModule


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class EvaluateReport(Shown):
    """Metrics of the best weights: ``parts`` maps train, validation and test to ``loss`` and the metrics,
    of a series also ``naive``, the naive forecast of the last of them.

    ``samples`` has for each part how many samples were measured and how many there are. For a classifier ``confusion``
    counts (true, predicted) on the last of the parts (None above 1,000 classes) and ``per_class`` has precision,
    recall, f1 and support by class.
    """

    run: Path
    parts: dict[str, dict[str, float]]
    samples: dict[str, tuple[int, int]]
    classes: tuple[str, ...] | None
    confusion: list[list[int]] | None
    per_class: dict[str, dict[str, float]] | None
    files: tuple[Path, ...]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The same as data, for ``--json`` and ``evaluation.json``, where the sha256 of the ``weights`` stands too."""
        return {
            "run": str(self.run), "parts": _plain(self.parts), "samples": self.samples, "classes": self.classes,
            "confusion": self.confusion, "per_class": self.per_class, "files": [path.name for path in self.files],
            "seconds": round(self.seconds, 3),
        }  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class TrainReport(Shown):
    """How a run went. ``seconds`` were spent in epochs, validation included; the rate follows from it.

    ``loss`` is its name, ``advice`` says what to look at next where something is wrong. ``evaluation`` is None where
    nobody asked for it, and in all processes of a distributed run but the first.
    """

    run: Path
    epochs: int
    steps: int
    best_epoch: int
    monitor: str
    loss: str
    history: list[dict[str, Any]]
    seconds: float
    samples_per_second: float
    evaluation: EvaluateReport | None
    advice: str = ""

    def __fspath__(self) -> str:
        """The run folder: a report is taken wherever that is."""
        return os.fspath(self.run)

    @property
    def module(self) -> GraphModule:
        """A new module with the best weights, in evaluation mode."""
        module = Network.open(self.run, "run").build()
        module.eval()
        return module

    def plot(self) -> Figure:
        """The learning curves as a figure of matplotlib's, which a notebook shows."""
        from graphspec.system import canvas
        from graphspec.system.shown import display_room, in_notebook
        from graphspec.training.plots.run_plots import curves

        if in_notebook():
            display_room("figures").shown_as_png()
        return canvas.drawn(curves, self.history, self.best_epoch, self.loss)

    def evaluate(self, *, device: str = "auto", data: DataLike = None) -> EvaluateReport:
        """The best weights measured again, as ``graphspec.evaluate`` does it."""
        from graphspec.training import evaluate

        network = Network.open(self.run, "run")
        with network.located():
            return evaluate(network, device=device, place=DataPlace.of(data))

    @property
    def validated(self) -> bool:
        """Whether there was a validation part to choose the best weights by."""
        return any("validation" in by_part(row) for row in self.history)

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """``loss`` and the metrics of the best weights, by part."""
        return self.evaluation.parts if self.evaluation else {}

    def as_dict(self) -> dict[str, Any]:
        """The same as data, for ``--json``."""
        row = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        evaluation = self.evaluation.as_dict() if self.evaluation else None
        return row | {"run": str(self.run), "history": _plain(self.history), "evaluation": evaluation}


def _plain(value: Any) -> Any:
    """`value` with None for what is not a number, which JSON has no word for."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
