"""The pictures of a run: learning curves, confusion matrix, fitted line, predicted against true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from graphspec.diagnostics import printable
from graphspec.system.canvas import SMALL
from graphspec.training.metrics.names import LOSS, by_part, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING, VALIDATION, INK, FAINT = "#3b6fb6", "#d1702b", "#333333", "#d9d9d9"
#: Columns of a regression that are drawn, a panel each.
MOST_PANELS = 6
#: Classes up to which a confusion matrix has room for per cent.
_MOST_SHARES = 12


def curves(history: Sequence[Mapping[str, Any]], best_epoch: int, loss: str = "") -> Figure:
    """The `loss`, which is called so, and each metric over the epochs, training and validation; the epoch of the best
    weights is marked.
    """
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
        if best_epoch:
            panel.axvline(best_epoch, color=INK, lw=0.8, ls=":", label=f"best: epoch {best_epoch}")
        panel.set(xlabel="epoch", title=f"loss: {short(loss, 40)}" if name == LOSS and loss else title(name))
        if name.endswith("r2"):
            _show_from(panel, [row[part][name] for part in ("train", "validation") if part in rows[0] for row in rows])
        whole_numbers(panel)
        panel.legend(frameon=False)
    return figure


def _show_from(panel: Axes, values: Sequence[float]) -> None:
    """Cut what a first epoch has far below: R² is 1 at most, and has no least value."""
    if min(values) < -1 < max(values):
        top = max(values)
        panel.set_ylim(-1, top + 0.05 * (top + 1))
        panel.set_title(f"{panel.get_title()}, from −1 on")


def confusion_matrix(counts: Tensor, classes: Sequence[str], part: str) -> Figure:
    """Counts of (true, predicted), coloured by the share of the true class; numbers, and per cent of the true class,
    where they can be read.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    size = len(classes)
    side = min(3.2 + (0.6 if size <= _MOST_SHARES else 0.45) * size, 14)
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
                    text = f"{int(counts[i, j]):,}"
                    text += f"\n{_per_cent(share[i, j].item())}" if size <= _MOST_SHARES else ""
                    panel.text(j, i, text, ha="center", va="center", color=colour, fontsize=SMALL)
    bar = figure.colorbar(image, ax=panel, label="per cent of the true class", shrink=0.8)
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
    return figure


def _per_cent(share: float) -> str:
    """Whole per cent; some is not none, and not all is not all."""
    rounded = round(100 * share)
    return "<1 %" if rounded == 0 and share else ">99 %" if rounded == 100 and share < 1 else f"{rounded} %"


def fitted_line(x: Tensor, y: Tensor, predicted: Tensor, names: tuple[str, str]) -> Figure:
    """The data with one feature, and the fitted function through it, as an equation where it is a line; and R², the
    share of the variance that it explains. All are flat, of one length.
    """
    figure, (panel,) = new_panels(1)
    order = x.argsort()
    equation = _equation(x, predicted)
    missed, spread = (y - predicted).double().square().sum(), (y - y.mean()).double().square().sum()
    said = [equation] if equation else []
    said += [f"R² = {1 - (missed / spread).item():.4f}"] if spread > 0 else []
    panel.set_title(", ".join(said))
    panel.plot(x.numpy(), y.numpy(), "o", ms=4, color=TRAINING, alpha=0.6, mec="none", label="data")
    panel.plot(x[order].numpy(), predicted[order].numpy(), color=VALIDATION, lw=2, label="fitted")
    panel.set(xlabel=short(names[0], 40), ylabel=short(names[1], 40))
    panel.legend(frameon=False)
    return figure


def _equation(x: Tensor, predicted: Tensor) -> str:
    """``y = 2.01 x − 0.98`` where the predictions lie on a line; empty where they do not."""
    x, predicted = x.double(), predicted.double()
    centred, spread = x - x.mean(), predicted.max() - predicted.min()
    if len(x) < 3 or centred.square().sum() == 0:
        return ""
    slope = ((centred * (predicted - predicted.mean())).sum() / centred.square().sum()).item()
    offset = predicted.mean().item() - slope * x.mean().item()
    if ((slope * x + offset - predicted).abs().max() > 1e-4 * max(spread.item(), abs(offset), 1e-12)).item():
        return ""
    return f"y = {slope:.4g} x {'−' if offset < 0 else '+'} {abs(offset):.4g}"


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
    axes.plot(rates, losses, color=TRAINING)
    logarithmic(axes)
    axes.axvline(suggestion, color=INK, lw=0.8, ls=":", label=f"falls fastest at {suggestion:.1e}")
    axes.set(xlabel="learning rate", ylabel="loss, smoothed")
    axes.legend(frameon=False)
    return figure


def logarithmic(panel: Axes) -> None:
    """Give `panel` a logarithmic x axis, whose labels are plain text: no picture parses formulas."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    panel.set_xscale("log")
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())


def whole_numbers(panel: Axes) -> None:
    """Give `panel` an x axis of whole numbers, one of them where there is one alone."""
    from matplotlib.ticker import MaxNLocator

    low, high = panel.get_xlim()
    if high - low < 1:
        panel.set_xlim((low + high) / 2 - 0.5, (low + high) / 2 + 0.5)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


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
        plain(panel)
    return figure, panels[:count]


def plain(panel: Axes, lines: Literal["both", "x"] = "both") -> None:
    """Give `panel` the common style: two sides, and faint `lines` behind what is drawn."""
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis=lines, color=FAINT, lw=0.5)
    panel.set_axisbelow(True)


def short(name: str, longest: int = 18) -> str:
    """`name`, control characters escaped and a space shown, cut where it is too long for a label."""
    name = "␣" if name == " " else printable(name)
    return name if len(name) <= longest else name[: longest - 1] + "…"
