"""The picture of a study: its metric trial by trial, and how much each value mattered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graphspec.training.plots.run_plots import FAINT, INK, TRAINING, VALIDATION
from graphspec.tuning.tune_report import TrialReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def picture(trials: Sequence[TrialReport], metric: str, direction: str, importances: dict[str, float]) -> Figure:
    """The optimisation history, and the importances where there are any."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10 if importances else 6, 4), layout="constrained")
    panels = figure.subplots(1, 2 if importances else 1, squeeze=False)[0]
    _history(panels[0], [trial for trial in trials if trial.value is not None], metric, direction)
    if importances:
        names = list(importances)[::-1]
        panels[1].barh(names, [importances[name] for name in names], color=TRAINING)
        panels[1].set(title="importance (share of the variance)", xlim=(0, 1))
    return figure


def _history(panel: Any, trials: Sequence[TrialReport], metric: str, direction: str) -> None:
    from matplotlib.ticker import MaxNLocator

    for state, colour in (("complete", TRAINING), ("pruned", FAINT)):
        chosen = [trial for trial in trials if trial.state == state]
        panel.plot(
            [trial.number for trial in chosen], [trial.value for trial in chosen], "o", ms=4, color=colour, label=state
        )
    better = max if direction == "maximize" else min
    so_far: list[float] = []
    complete = [trial for trial in trials if trial.state == "complete"]
    for trial in complete:
        assert trial.value is not None
        so_far.append(better([*so_far[-1:], trial.value]))
    panel.step([trial.number for trial in complete], so_far, where="post", color=VALIDATION, label="best so far")
    panel.set(xlabel="trial", title=f"validation {metric.replace('_', ' ')}")
    panel.title.set_color(INK)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.legend(frameon=False)
