"""Pictures of outputs that are images themselves: each beside what it should be, and where they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from graphspec.system.canvas import SMALL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Samples that are drawn.
MOST_ROWS = 8
_TITLES = ("input", "true", "predicted", "predicted − true")


def images_beside(given: Tensor | None, wanted: Tensor, predicted: Tensor, error: Tensor, part: str) -> Figure:
    """A row a sample: the network's input, what is `wanted`, what is `predicted`, and how far they are apart.

    All are ``N × C × H × W``, `given` only where it can be shown; of other numbers of channels than 1 and 3 the first
    is drawn. Both images of a row have one scale, from the least true value to the greatest; `error` (``N``) is its
    mean squared error.
    """
    from matplotlib.figure import Figure

    first = wanted.shape[1] not in (1, 3)
    wanted, predicted = (each[:, :1] if first else each for each in (wanted, predicted))
    titles, rows, tall = _TITLES[given is None :], len(wanted), wanted.shape[2] / wanted.shape[3]
    figure = Figure(figsize=(1.9 * len(titles) + 0.6, (1.9 * tall + 0.12) * rows + 0.8), layout="constrained")
    panels = figure.subplots(rows, len(titles), squeeze=False)
    for row in range(rows):
        low, high = (float(end) for end in wanted[row].aminmax())
        apart = (predicted[row] - wanted[row]).mean(0)
        shown = [_scaled(wanted[row], low, high), _scaled(predicted[row], low, high)]
        shown = [_scaled(given[row], *map(float, given[row].aminmax())), *shown] if given is not None else shown
        for panel, image in zip(panels[row], shown, strict=False):
            panel.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="none")
        most = max(float(apart.abs().max()), 1e-12)
        panels[row][-1].imshow(apart.numpy(), cmap="RdBu_r", vmin=-most, vmax=most, interpolation="none")
        panels[row][0].set_ylabel(f"MSE {error[row].item():.3g}", fontsize=SMALL)
        for panel in panels[row]:
            panel.set(xticks=[], yticks=[])
    for panel, title in zip(panels[0], titles, strict=True):
        panel.set_title(title, fontsize=SMALL)
    of = ", the first channel" * first
    figure.suptitle(f"{part} part{of}: the {rows} samples with the greatest errors")
    return figure


def _scaled(image: Tensor, low: float, high: float) -> Any:
    """``C × H × W`` as matplotlib takes it, `low` at 0 and `high` at 1."""
    image = ((image.to(torch.float32) - low) / ((high - low) or 1.0)).clamp(0, 1)
    return image[0].numpy() if image.shape[0] == 1 else image.permute(1, 2, 0).numpy()
