"""What ``graphspec inspect`` shows: a row a layer, the loss before and after the step, and findings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from graphspec.diagnostics import printable
from graphspec.display.table_look import new_table

if TYPE_CHECKING:
    from graphspec.inspecting import Inspection, LayerState

#: A longer table is cut in its middle, but layers with a finding stay.
_HEAD, _TAIL = 80, 40
_NUMBERS = ("Mean", "Std", "Zero", "Sat.", "Dead", "Grad", "Upd/w")
_LEGEND = (
    "Mean, Std, Zero, Sat.: of the layer's output. Dead: units that are zero for the whole batch. Grad: norm of the "
    "loss's gradient there. Upd/w: the step's length by the weights' (1e-3 is usual)."
)


def inspected(found: Inspection) -> Iterator[RenderableType]:
    """The table, and what follows from it."""
    yield table(found)
    yield ""
    yield from totals(found)
    yield from problems(found)


def table(found: Inspection) -> Table:
    """A row a layer; at most 120 of them, and those that something was found of."""
    shown = new_table()
    shown.add_column("Layer", overflow="fold", min_width=8)
    shown.add_column("Type", overflow="fold", min_width=6)
    for heading in _NUMBERS:
        shown.add_column(heading, justify="right", no_wrap=True)
    for name, (mean, std) in found.inputs.items():
        shown.add_row(printable(name), "input", _short(mean), _short(std), *[""] * 5, style="dim")
    named = {finding.layer for finding in found.findings}
    left = 0
    for number, layer in enumerate(found.layers):
        if _HEAD <= number < len(found.layers) - _TAIL and layer.name not in named:
            left += 1
            continue
        if left:
            shown.add_row(f"… {left:,} more", *[""] * 8)
            left = 0
        shown.add_row(*_cells(layer), style="bold" if layer.name in named else "")
    return shown


def totals(found: Inspection) -> Iterator[Text]:
    """The batch's loss, before the step and after it."""
    where = f", after epoch {found.epoch}" if found.run else ""
    yield Text(f"Batch     {found.samples} samples{where}")
    if math.isfinite(found.loss):
        yield Text(f"Loss      {found.loss:.4g}, and {found.after:.4g} after the step (lr {found.lr:g})")
        yield Text(f"Gradient  {found.gradient:.3g}, the norm over all weights")
    yield Text(_LEGEND, style="dim")


def problems(found: Inspection) -> Iterator[Text]:
    """What was found, a paragraph each."""
    yield Text("")
    if found.healthy:
        yield Text("Nothing wrong was found in this step.")
    for number, finding in enumerate(found.findings, 1):
        where = f"{printable(finding.place)}: " if finding.place else ""
        yield Text(f"{number}. {where}{printable(finding.message)}.")
        yield Text(f"   → {printable(finding.hint)}")


def _cells(layer: LayerState) -> tuple[str, ...]:
    dead = "" if layer.dead is None else f"{layer.dead}/{layer.units}"
    update = "frozen" if layer.learns is False else _short(layer.update)
    numbers = _short(layer.mean), _short(layer.std), _share(layer.zeros), _share(layer.saturated)
    return printable(layer.name), printable(layer.type), *numbers, dead, _short(layer.gradient), update


def _short(value: float | None) -> str:
    """Two digits: ``0.12``, ``-1.3``, ``1.2e-5``."""
    if value is None:
        return ""
    text = f"{value:.2g}"
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if e else text


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"
