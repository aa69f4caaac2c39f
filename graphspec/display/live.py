"""A curve that grows in place while training, in a notebook: no widgets, one output that is written anew."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphspec.training.run.reporter import Course, Silent, epoch_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Drawn anew at most so often, in seconds: a picture takes a tenth of one.
EVERY = 1.0


class LiveCurve(Silent):
    """The curves so far above the last epoch's line; what training says stands below, a line each."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._notes: list[str] = []
        self._line = ""
        self._loss, self._best = "", 0
        self._drawn = 0.0
        self._handle: Any = None

    def start(self, course: Course) -> None:
        self._loss = course.loss
        if course.taken_up:
            self.note(course.taken_up)

    def note(self, text: str) -> None:
        self._notes.append(text)
        self._show()

    def epoch(self, row: Mapping[str, Any], epochs: int, best_epoch: int) -> None:
        self._rows.append(dict(row))
        self._line, self._best = epoch_line(row, epochs), best_epoch
        if time.monotonic() - self._drawn > EVERY:
            self._show()

    def close(self) -> None:
        self._show()

    def _show(self) -> None:
        self._drawn = time.monotonic()
        if self._handle is None:
            from IPython.display import display

            self._handle = display(self, display_id=True)
        else:
            self._handle.update(self)

    def __repr__(self) -> str:
        return "\n".join([self._line, *self._notes[-3:]])

    def plot(self) -> Figure:
        """The curves so far, the epoch of the best weights marked."""
        from graphspec.system import canvas
        from graphspec.training.plots.run_plots import curves

        return canvas.drawn(curves, self._rows, self._best, self._loss)

    def _repr_html_(self) -> str:
        from graphspec.display.html import page, png
        from graphspec.system import canvas

        picture = [png(canvas.png(self.plot, dpi=90), "learning curves")] if self._rows else []
        return page("", [*picture, self._line, *self._notes[-5:]])
