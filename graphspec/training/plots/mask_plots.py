"""Pictures of predicted masks: each over its picture, beside the true one and the pixels that differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graphspec.system.canvas import SMALL
from graphspec.training.plots.run_plots import short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: How much of a pixel's colour is its class's.
_LAID_OVER = 0.5
_WRONG, _IGNORED = (0.85, 0.1, 0.1), (0.5, 0.5, 0.5)
#: Classes that are named below the picture.
_MOST_NAMED = 12
_TITLES = ("picture", "true", "predicted", "wrong (red)")


def overlays(
    pictures: Tensor, wanted: Tensor, predicted: Tensor, score: Tensor, classes: Sequence[str], part: str
) -> Figure:
    """A row a sample: the picture (``N × C × H × W`` in [0, 1]), then the masks laid over it, ``N × h × w`` labels.

    `score` is each sample's mean intersection over union. Class 0 leaves the picture, in grey, as it is.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    colours = _colours(len(classes))
    rows, tall = len(pictures), pictures.shape[2] / pictures.shape[3]
    figure = Figure(figsize=(8.4, (2.0 * tall + 0.12) * rows + 1.0), layout="constrained")
    panels = figure.subplots(rows, len(_TITLES), squeeze=False)
    for row in range(rows):
        picture = _rgb(pictures[row], wanted.shape[1:])
        grey = np.repeat(picture.mean(2, keepdims=True), 3, 2)  # so that colours are those of classes alone
        inside = (wanted[row] >= 0) & (wanted[row] < len(classes))
        wrong = (wanted[row] != predicted[row]) & inside
        shown = (
            picture,
            _over(grey, torch.where(inside, wanted[row], len(classes)), colours),
            _over(grey, predicted[row], colours),
            _over(grey, wrong.long() * (len(classes) + 1), colours),
        )
        for panel, image, title in zip(panels[row], shown, _TITLES, strict=True):
            panel.imshow(image, interpolation="none")
            panel.set(xticks=[], yticks=[])
            if row == 0:
                panel.set_title(title, fontsize=SMALL)
        panels[row][0].set_ylabel(f"IoU {score[row].item():.2f}", fontsize=SMALL)
    named = [Patch(color=tuple(colours[i]), label=short(classes[i])) for i in range(1, min(len(classes), _MOST_NAMED))]
    if named:
        figure.legend(
            handles=named, loc="outside lower center", ncols=min(6, len(named)), frameon=False, fontsize=SMALL
        )
    figure.suptitle(f"{part} part: the {rows} samples with the lowest mean IoU")
    return figure


def _colours(classes: int) -> NDArray[np.float64]:
    """A colour a class, then those of what is ignored and of what is wrong."""
    from matplotlib import colormaps

    table = colormaps["tab20" if classes > 10 else "tab10"]
    return np.array([*(table(i % table.N)[:3] for i in range(classes)), _IGNORED, _WRONG])


def _rgb(picture: Tensor, size: Sequence[int]) -> NDArray[np.float64]:
    """``H × W × 3`` of the masks' size, the nearest pixels."""
    height, width = picture.shape[1:]
    down = torch.arange(size[0]) * height // size[0]
    across = torch.arange(size[1]) * width // size[1]
    pixels = picture[:, down][:, :, across]
    return pixels.expand(3, -1, -1).permute(1, 2, 0).numpy().astype(np.float64)


def _over(picture: NDArray[np.float64], labels: Tensor, colours: NDArray[np.float64]) -> NDArray[np.float64]:
    painted = (1 - _LAID_OVER) * picture + _LAID_OVER * colours[labels.numpy()]
    found: NDArray[np.float64] = np.where((labels == 0).numpy()[..., None], picture, painted)
    return found
