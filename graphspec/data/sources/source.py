"""What every data source gives: its training samples, a way to its test samples, and the names of its classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from graphspec.data.samples import Samples


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A data set as it lies on disk or in a library.

    ``test`` reads the test part when it is called and not before; None where the set has no part of its own, so
    that one is split off ``train``. ``classes`` are the labels' names in order, None for regression.
    """

    train: Samples
    test: Callable[[], Samples] | None = None
    classes: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a source may look, and what it may do there."""

    root: Path
    download: bool = False
    seed: int = 0
