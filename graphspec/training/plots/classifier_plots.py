"""Pictures of a classifier's predictions: metrics by class, how far its confidence is right, and its worst errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphspec.system.canvas import SMALL
from graphspec.training.metrics.scores import reliability_bins
from graphspec.training.plots.run_plots import INK, TRAINING, VALIDATION, new_panels, plain, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: More classes than this cannot be read: those are shown of which most samples are missed.
_MOST_CLASSES = 40
_GREEN = "#5a9a68"
_BINS = 15


def class_bars(table: Mapping[str, Tensor], classes: Sequence[str], part: str) -> Figure:
    """Precision, recall and F1 of each class, as ``per_class`` gives them, the highest F1 first; the dotted line is the
    average of F1 over the classes.
    """
    from matplotlib.figure import Figure

    rows = torch.arange(len(classes))
    if len(rows) > _MOST_CLASSES:
        missed = table["support"] * (1 - table["recall"])
        rows = missed.argsort(descending=True, stable=True)[:_MOST_CLASSES].sort().values
    rows = rows[table["f1"][rows].argsort(descending=True, stable=True)]
    figure = Figure(figsize=(6.5, 1.3 + 0.42 * len(rows)), layout="constrained")
    panel = figure.add_subplot()
    for i, (name, colour) in enumerate((("precision", TRAINING), ("recall", VALIDATION), ("f1", _GREEN))):
        at = torch.arange(len(rows)) + 0.27 * (i - 1)
        panel.barh(at.numpy(), table[name][rows].numpy(), 0.25, color=colour, label="F1" if name == "f1" else name)
    average = table["f1"].double().nanmean().item()
    panel.axvline(average, color=INK, lw=0.8, ls=":", label=f"average F1 {average:.3f}")
    names = [f"{short(classes[row])}  ({int(table['support'][row]):,})" for row in rows.tolist()]
    panel.set_yticks(range(len(rows)), names)
    some = f"{part} part: {len(rows)} of {len(classes)} classes, most errors"
    title = f"{part} part, by class" if len(rows) == len(classes) else some
    panel.set(xlim=(0, 1), ylim=(len(rows) - 0.4, -0.6), title=title)
    plain(panel, "x")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def reliability(confidence: Tensor, right: Tensor, part: str) -> Figure:
    """How often a class is right that is given a probability (Niculescu-Mizil & Caruana 2005), in 15 equal bins.

    `confidence` is the predicted class's probability, `right` whether it is the true one. On the diagonal they agree.
    """
    count, hits, sure = reliability_bins(confidence, right, _BINS)
    error = ((hits - sure).abs().sum() / len(confidence)).item()
    filled = count > 0
    middle = (torch.arange(_BINS) + 0.5) / _BINS
    figure, (panel, amount) = new_panels(2)
    panel.plot([0, 1], [0, 1], color=INK, lw=0.8, ls=":", label="confidence = accuracy")
    accuracy, mean = (hits / count.clamp(min=1))[filled], (sure / count.clamp(min=1))[filled]
    panel.bar(middle[filled].numpy(), accuracy.numpy(), 0.9 / _BINS, color=TRAINING, alpha=0.5)
    panel.plot(mean.numpy(), accuracy.numpy(), "o", ms=4, color=TRAINING, label="samples of a bin")
    panel.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    panel.set_title(f"{part} part: calibration error {error:.3f}")
    panel.legend(loc="upper left", framealpha=0.85, edgecolor="none")
    amount.bar(middle.numpy(), (count / count.sum()).numpy(), 0.9 / _BINS, color=TRAINING)
    amount.set(xlabel="confidence", ylabel="share of the samples", xlim=(0, 1))
    return figure


def errors(pictures: Tensor, pairs: Sequence[str], confidence: Tensor | None, wrong: int, part: str) -> Figure:
    """Wrong predictions: `pictures` (``N × C × H × W`` in [0, 1]), true and predicted class as one of `pairs` and how
    probable the latter was, where that is known: then they are the most confident, else the worst. In all there are
    `wrong`. What is the same of all stands in the heading alone.
    """
    from matplotlib.figure import Figure

    columns = max(3, min(6, len(pictures)))  # wide enough for the heading
    rows = -(-len(pictures) // columns)
    tall = pictures.shape[2] / pictures.shape[3]
    figure = Figure(figsize=(1.75 * columns + 0.3, (1.75 * tall + 0.5) * rows + 0.5))
    # one panel for all: to lay out a panel a picture takes a second
    panel = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    panel.set_axis_off()
    alike = len(set(pairs)) == 1
    sure = [] if confidence is None else [f"{100 * share:.1f} %" for share in confidence.tolist()]
    for i, pair in enumerate(pairs):
        title = "\n".join([*([] if alike else [pair]), *sure[i : i + 1]])
        x, y = 1.08 * (i % columns), (tall + 0.3) * (i // columns)
        picture = pictures[i][0] if pictures.shape[1] == 1 else pictures[i].permute(1, 2, 0)
        panel.imshow(picture.numpy(), cmap="gray", vmin=0, vmax=1, extent=(x, x + 1, y + tall, y), interpolation="none")
        panel.text(x + 0.5, y - 0.02, title, ha="center", va="bottom", fontsize=SMALL)
    panel.set(xlim=(-0.02, 1.08 * columns - 0.06), ylim=((tall + 0.3) * rows - 0.28, -0.45))
    said = f"all {pairs[0]}" if alike else "true → predicted"
    which = f"{len(pictures)} most confident" if sure else f"the {len(pictures)} worst"
    panel.text(0, -0.36, f"{part} part: {which} of {wrong:,} errors ({said})")
    return figure
