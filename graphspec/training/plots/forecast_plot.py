"""A series' forecasts against what came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphspec.training.plots.run_plots import INK, TRAINING, VALIDATION, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Steps of the series that are drawn.
_MOST_STEPS = 240


def forecasts(truth: Tensor, forecast: Tensor, naive: Tensor, target: str, part: str) -> Figure:
    """Forecasts one after the other against what came, and the mean absolute error of each step ahead.

    All are ``N × horizon``, of windows that begin one step after another; of several series the first is drawn.
    """
    from matplotlib.figure import Figure

    horizon = truth.shape[1]
    starts = range(0, min(len(truth), _MOST_STEPS), horizon)
    figure = Figure(figsize=(10, 6), layout="constrained")
    above, below = figure.subplots(2, height_ratios=[2, 1])
    for number, start in enumerate(starts):
        steps = torch.arange(start, start + horizon).numpy()
        label = {"truth": "truth", "forecast": "forecast"} if number == 0 else {}
        above.plot(steps, truth[start].numpy(), color=INK, lw=1.2, label=label.get("truth"))
        above.plot(steps, forecast[start].numpy(), color=VALIDATION, lw=1.2, label=label.get("forecast"))
        above.axvline(start - 0.5, color=INK, lw=0.3, ls=":")
    above.set(title=f"{part} part: {target}, {horizon} steps ahead from each line", xlabel="step", ylabel=target)
    above.legend(loc="upper left", framealpha=0.85, edgecolor="none")
    ahead = torch.arange(1, horizon + 1).numpy()
    below.plot(ahead, (forecast - truth).abs().mean(0).numpy(), "o-", ms=3, color=VALIDATION, label="forecast")
    below.plot(ahead, (naive - truth).abs().mean(0).numpy(), "o-", ms=3, color=TRAINING, label="naive: the last season")
    below.set(xlabel="steps ahead", ylabel="mean absolute error", ylim=(0, None))
    below.legend(framealpha=0.85, edgecolor="none")
    for panel in (above, below):
        plain(panel)
    return figure
