"""The picture of a study: its metric trial by trial, and how much each value mattered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from graphspec.training.plots.run_plots import INK, TRAINING, VALIDATION, new_panels, short, whole_numbers
from graphspec.training.plots.run_plots import logarithmic as log_axis
from graphspec.tuning.tune_report import TrialReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: The states that have a metric.
_STATES = (("complete", TRAINING), ("pruned", "#9a9a9a"))
#: Values that have a panel, the most important first.
_MOST_VALUES = 4


def picture(
    trials: Sequence[TrialReport],
    metric: str,
    direction: str,
    importances: dict[str, float],
    logarithmic: Collection[str] = (),
) -> Figure:
    """The optimisation history, the importances where there are any, and the metric over each value; those whose
    space is `logarithmic` have such an axis.
    """
    measured = [trial for trial in trials if trial.value is not None]
    numbers = [path for path in importances or _paths(measured) if _is_number(path, measured)][:_MOST_VALUES]
    figure, panels = new_panels(1 + bool(importances) + len(numbers))
    _history(panels[0], measured, metric, direction)
    if importances:
        names = list(importances)[::-1]
        panels[1].barh([short(name, 24) for name in names], [importances[name] for name in names], color=TRAINING)
        panels[1].set(title="importance (share of the variance)", xlim=(0, 1))
    for panel, path in zip(panels[1 + bool(importances) :], numbers, strict=True):
        _over(panel, measured, path)
        panel.set(xlabel=short(path, 40), title=f"validation {metric.replace('_', ' ')}")
        if path in logarithmic:
            log_axis(panel)
    return figure


def _paths(trials: Sequence[TrialReport]) -> list[str]:
    return list(dict.fromkeys(path for trial in trials for path in trial.values))


def _is_number(path: str, trials: Sequence[TrialReport]) -> bool:
    found = [trial.values[path] for trial in trials if path in trial.values]
    return bool(found) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in found)


def _over(panel: Any, trials: Sequence[TrialReport], path: str) -> None:
    """Each trial's metric over the value at `path`."""
    for state, colour in _STATES:
        chosen = [trial for trial in trials if trial.state == state and path in trial.values]
        values = [trial.values[path] for trial in chosen]
        panel.plot(values, [trial.value for trial in chosen], "o", ms=4, color=colour)


def _history(panel: Any, trials: Sequence[TrialReport], metric: str, direction: str) -> None:
    for state, colour in _STATES:
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
    whole_numbers(panel)
    panel.legend(frameon=False)
