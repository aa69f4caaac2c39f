"""The pictures of a run: learning curves, confusion matrix, fitted line, predicted against true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from graphspec.diagnostics import printable
from graphspec.training.metrics.names import by_part, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING, VALIDATION, INK, FAINT = "#3b6fb6", "#d1702b", "#333333", "#d9d9d9"
#: Columns of a regression that are drawn, a panel each.
MOST_PANELS = 6


def curves(history: Sequence[Mapping[str, Any]], best_epoch: int) -> Figure:
    """Loss and each metric over the epochs, training and validation; the epoch of the best weights is marked."""
    from matplotlib.ticker import MaxNLocator

    rows = [by_part(row) for row in history]
    names = list(rows[0]["train"])
    figure, panels = new_panels(len(names))
    epochs = [row["epoch"] for row in history]
    marker = "o" if len(epochs) <= 30 else ""
    for panel, name in zip(panels, names, strict=True):
        for part, colour in (("train", TRAINING), ("validation", VALIDATION)):
            if part in rows[0]:
                label = "training" if part == "train" else part
                values = [row[part][name] for row in rows]
                panel.plot(epochs, values, marker=marker, ms=3.5, color=colour, label=label)
        if best_epoch and best_epoch != epochs[-1]:
            panel.axvline(best_epoch, color=INK, lw=0.8, ls=":", label="best weights")
        panel.set(xlabel="epoch", title=title(name))
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.legend(frameon=False)
    return figure


def confusion_matrix(counts: Tensor, classes: Sequence[str], part: str) -> Figure:
    """Counts of (true, predicted), coloured by the share of the true class; numbers where they can be read."""
    from matplotlib.figure import Figure

    size = len(classes)
    side = min(3.2 + 0.45 * size, 14)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    panel = figure.add_subplot()
    share = counts.to(torch.float64) / counts.sum(1, keepdim=True).clamp(min=1)
    image = panel.imshow(share.numpy(), cmap="Blues", vmin=0, vmax=1)
    step = max(1, -(-size // 40))
    ticks = list(range(0, size, step))
    labels = [short(classes[i]) for i in ticks]
    upright = max(map(len, labels)) > 3
    panel.set_xticks(
        ticks, labels, rotation=45 if upright else 0, ha="right" if upright else "center", rotation_mode="anchor"
    )
    panel.set_yticks(ticks, labels)
    right = int(counts.diagonal().sum())
    panel.set(xlabel="predicted", ylabel="true", title=f"{part} part: {right:,} of {int(counts.sum()):,} right")
    if size <= 25:
        for i in range(size):
            for j in range(size):
                if counts[i, j]:
                    colour = "white" if share[i, j] > 0.5 else INK
                    panel.text(
                        j,
                        i,
                        str(int(counts[i, j])),
                        ha="center",
                        va="center",
                        color=colour,
                        fontsize=8 if size > 12 else 9,
                    )
    figure.colorbar(image, ax=panel, label="share of the true class", shrink=0.8)
    return figure


def fitted_line(x: Tensor, y: Tensor, predicted: Tensor, names: tuple[str, str]) -> Figure:
    """The data with one feature, and the fitted function through it. All are flat, of one length."""
    figure, (panel,) = new_panels(1)
    order = x.argsort()
    panel.plot(x.numpy(), y.numpy(), "o", ms=4, color=TRAINING, alpha=0.6, mec="none", label="data")
    panel.plot(x[order].numpy(), predicted[order].numpy(), color=VALIDATION, lw=2, label="fitted")
    panel.set(xlabel=short(names[0], 40), ylabel=short(names[1], 40))
    panel.legend(frameon=False)
    return figure


def predicted_against_true(y: Tensor, predicted: Tensor, name: str, part: str) -> Figure:
    """Each sample's prediction over its target, both ``N × columns``, a panel each; on the diagonal they are equal."""
    figure, panels = new_panels(y.shape[1], side=4.2 if y.shape[1] == 1 else 3.6)
    for i, panel in enumerate(panels):
        target, guess = y[:, i], predicted[:, i]
        ends = [min(target.min().item(), guess.min().item()), max(target.max().item(), guess.max().item())]
        panel.plot(ends, ends, color=INK, lw=0.8, ls=":")
        size = 4 if len(target) <= 2000 else 2
        panel.plot(target.numpy(), guess.numpy(), "o", ms=size, color=TRAINING, alpha=0.6, mec="none", rasterized=True)
        column = short(name, 40) if y.shape[1] == 1 else f"{short(name, 40)} {i}"
        panel.set(xlabel=f"true {column}", ylabel=f"predicted {column}", title=f"{part} part", aspect="equal")
    return figure


def learning_rates(rates: Sequence[float], losses: Sequence[float], suggestion: float) -> Figure:
    """The loss over a growing learning rate (logarithmic), the suggested rate marked."""
    figure, (axes,) = new_panels(1)
    axes.semilogx(rates, losses)
    axes.axvline(suggestion, linestyle="--", color="tab:red", label=f"falls fastest at {suggestion:.1e}")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss, smoothed")
    axes.legend()
    return figure


def new_panels(count: int, side: float = 3.6) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels in the pictures' common style, `side` inches high each."""
    from matplotlib.figure import Figure

    columns = count if count <= 3 else 2
    rows = -(-count // columns)
    figure = Figure(figsize=(1.3 * side * columns, side * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in panels[count:]:
        spare.remove()
    for panel in panels[:count]:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color=FAINT, lw=0.5)
        panel.set_axisbelow(True)
    return figure, panels[:count]


def short(name: str, longest: int = 18) -> str:
    """`name`, control characters escaped, cut where it is too long for a label."""
    name = printable(name)
    return name if len(name) <= longest else name[: longest - 1] + "…"
