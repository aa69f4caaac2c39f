"""What an inspection gives: a row a layer, and what is wrong in plain words."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, Literal

from graphspec.diagnostics import Path as Place
from graphspec.system.shown import Shown

#: What may be wrong, in the order of causes: what stands first may bring about what follows.
FindingKind = Literal[
    "not-finite", "unscaled-input", "dead-units", "saturated", "exploding", "vanishing", "frozen", "no-gradient",
    "lr-too-large", "lr-too-small",
]  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class LayerState:
    """One layer in the batch.

    ``mean`` and ``std`` are of its first output, ``zeros`` and ``saturated`` are shares of its values (``saturated``
    None where it has no ends), ``dead`` of its ``units`` are zero for the whole batch (None where that is no fault).
    ``gradient`` is the norm of the loss's gradient by that output, ``weight_gradient`` by its own parameters, and
    ``update`` the greatest of its weights' relative moves ‖Δw‖ / ‖w‖; None where there is none.
    ``by_time`` are, for a recurrent layer, the gradient's norms by the steps of its input, the first one first.
    """

    name: str
    type: str
    mean: float | None = None
    std: float | None = None
    zeros: float | None = None
    saturated: float | None = None
    dead: int | None = None
    units: int | None = None
    gradient: float | None = None
    weight_gradient: float | None = None
    update: float | None = None
    learns: bool | None = None
    by_time: tuple[float, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The same as data, for ``--json``."""
        row = dataclasses.asdict(self)
        return {name: _plain(value) if isinstance(value, float) else value for name, value in row.items()}


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: what (``message``), where (``at``, a path in the spec; ``place``, file and line), what
    to do (``hint``)."""

    kind: FindingKind
    message: str
    hint: str
    layer: str | None = None
    at: Place = ()
    place: str = ""

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.message}; {self.hint}"

    def as_dict(self) -> dict[str, Any]:
        """The same as data, for ``--json``."""
        return {**dataclasses.asdict(self), "at": list(self.at)}


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Inspection(Shown):
    """One batch of ``samples`` samples through feedforward, loss, backward and update of the network ``name``.

    ``loss`` is the batch's before the update at ``lr``, ``after`` the same batch's after it, nothing else changed
    (both NaN where there is none), ``gradient`` the norm of all parameters' gradients.
    """

    name: str
    run: Path | None
    epoch: int
    samples: int
    inputs: dict[str, tuple[float, float]]
    layers: tuple[LayerState, ...]
    loss: float
    after: float
    gradient: float
    lr: float
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        """The same as data, for ``--json``."""
        return {
            "name": self.name, "run": str(self.run) if self.run else None, "epoch": self.epoch,
            "samples": self.samples, "loss": _plain(self.loss), "loss_after": _plain(self.after),
            "gradient": _plain(self.gradient), "lr": self.lr,
            "inputs": {name: {"mean": mean, "std": std} for name, (mean, std) in self.inputs.items()},
            "layers": [layer.as_dict() for layer in self.layers],
            "findings": [finding.as_dict() for finding in self.findings],
        }  # fmt: skip


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
