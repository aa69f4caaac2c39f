"""What can be tried of a spec before it is trained: learning rates, and whether its network learns one batch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from graphspec.compiler import Reading, Source, load

if TYPE_CHECKING:
    from graphspec.data.place import DataLike
    from graphspec.training.checks.lr_finder import LrReport
    from graphspec.training.checks.overfit import OverfitReport


def find_lr(
    spec: Source,
    *,
    picture: str | os.PathLike[str] | None = None,
    device: str = "auto",
    data: DataLike = None,
    **reading: Unpack[Reading],
) -> LrReport:
    """The loss at growing learning rates, and the rate at which it falls fastest; drawn to `picture`."""
    from graphspec.data.place import DataPlace
    from graphspec.training.checks.lr_finder import find_lr

    network, drawn = load(spec, data=data, **reading), Path(picture) if picture else None
    with network.located():
        return find_lr(network, picture=drawn, device=device, place=DataPlace.of(data))


def overfit_batch(
    spec: Source, *, device: str = "auto", data: DataLike = None, **reading: Unpack[Reading]
) -> OverfitReport:
    """Whether a spec's network can learn its first batch by heart; ``GraphspecError`` where it cannot."""
    from graphspec.data.place import DataPlace
    from graphspec.training.checks.overfit import overfit_batch

    network = load(spec, data=data, **reading)
    with network.located():
        return overfit_batch(network, device=device, place=DataPlace.of(data))
