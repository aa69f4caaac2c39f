"""A picture of samples as they are and as augmentation changes them: what ``graphspec data SPEC --show`` makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphspec.data.dataset import DataSet
from graphspec.data.samples import Samples
from graphspec.diagnostics import fail, printable, quoted
from graphspec.system import canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def show(data: DataSet, path: Path, rows: int = 6, epochs: int = 7) -> Path:
    """Write a PNG with one row a training sample: as stored, then as `epochs` epochs see it, before ``Normalize``.

    Raises ``GraphspecError`` where the samples are not images of one or three channels.
    """
    shown = (name for name, value in data.train.inputs.items() if value.ndim == 4 and value.shape[1] in (1, 3))
    if (name := next(shown, None)) is None:
        names = ", ".join(map(quoted, data.train.inputs))
        raise fail("bad-value", f"{names} of {data.name} is no image to show", at=("data", "dataset"))
    chosen = data.train.take(_of_different_classes(data, rows))
    batches = data.batches("train")
    columns = [batches.before_values(chosen)] + [batches.before_values(chosen, epoch) for epoch in range(epochs)]
    labels = [_label(data, chosen.targets, row) for row in range(len(chosen))]
    mask = next((target for target in data.labels if _is_mask(chosen, name, target)), None)
    images = [
        samples.inputs[name] if mask is None else _painted(samples.inputs[name], samples.targets[mask])
        for samples in columns
    ]
    return canvas.write(path, _drawn, images, labels)


def _is_mask(samples: Samples, name: str, target: str) -> bool:
    """Whether `target` holds a class for each pixel of the images `name`."""
    found = samples.targets[target].shape
    return len(found) == 3 and found[1:] == samples.inputs[name].shape[-2:]


def _painted(images: Tensor, mask: Tensor) -> Tensor:
    """`images` in RGB with the classes of `mask` laid over them, class 0 as it is."""
    from matplotlib import colormaps

    colours = torch.tensor([colormaps["tab10"](label)[:3] for label in range(10)])
    table = colours[mask.long() % 10].permute(0, 3, 1, 2)
    pictures = images.expand(-1, 3, -1, -1).to(torch.float32)
    return torch.where(mask.unsqueeze(1) == 0, pictures, (pictures + table) / 2)


def _drawn(columns: Sequence[Tensor], labels: Sequence[str]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.25 * len(columns), 1.3 * len(labels) + 0.3), layout="constrained")
    panels = figure.subplots(len(labels), len(columns), squeeze=False)
    for row, label in enumerate(labels):
        for column, images in enumerate(columns):
            panel = panels[row][column]
            panel.imshow(_pixels(images[row]).numpy(), cmap="gray", vmin=0, vmax=1)
            panel.set(xticks=[], yticks=[])
            if row == 0:
                panel.set_title("stored" if column == 0 else f"epoch {column}", fontsize=canvas.SMALL)
        panels[row][0].set_ylabel(label, fontsize=canvas.SMALL)
    return figure


def _of_different_classes(data: DataSet, count: int) -> Tensor:
    """The first sample of each class in turn, `count` in all; the first samples where there are no classes."""
    rows = min(count, len(data.train))
    labels = next((data.train.targets[name] for name in data.labels if data.train.targets[name].ndim == 1), None)
    if labels is None:
        return torch.arange(rows)
    firsts = [int((labels == label).nonzero()[0]) for label in labels.unique()[:rows]]
    others = [row for row in range(rows + len(firsts)) if row not in firsts and row < len(data.train)]
    return torch.tensor((firsts + others)[:rows])


def _pixels(image: Tensor) -> Tensor:
    """H × W or H × W × 3, in [0, 1]."""
    image = image.clamp(0, 1)
    return image[0] if image.shape[0] == 1 else image.permute(1, 2, 0)


def _label(data: DataSet, targets: Mapping[str, Tensor], row: int) -> str:
    target = next(iter(data.labels or targets))
    value = targets[target][row]
    if value.ndim > 0 and (target in data.labels or not value.numel()):
        return ""  # a class at each position, or the input itself
    if target not in data.labels:
        return f"{value.flatten()[0]:.3g}"
    names = data.labels[target]
    name = printable(names[int(value)]) if 0 <= value < len(names) else str(int(value))
    return name if len(name) <= 12 else name[:11] + "…"
