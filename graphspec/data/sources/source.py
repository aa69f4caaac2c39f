"""What every data source gives: its training samples, a way to its test samples, and the names of its classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor

from graphspec.data.given import Given
from graphspec.data.samples import Samples
from graphspec.data.wanted import Wanted

if TYPE_CHECKING:
    from graphspec.data.sources.columns import Columns
    from graphspec.data.sources.series_windows import Series
    from graphspec.spec.model import InputSpec


class Form(Protocol):
    """How samples as a source gives them become what networks take, learned from the training part alone."""

    def __call__(self, samples: Samples) -> Samples:
        """`samples` of any part in that form."""

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """How many ids an input has, by name: ``${vocabulary.NAME}``."""

    @property
    def columns(self) -> Columns | None:
        """What the columns of a table are; None where there is no table."""

    @property
    def first_rows(self) -> Mapping[str, Any]:
        """A few rows of the training part of a table as it has them, by column."""


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A data set as it lies on disk or in a library.

    ``test`` and ``validation`` read their parts when they are called and not before; None where the set has no such
    part of its own, so that one is split off ``train``. ``labels`` are the names of the classes in order, by target; a
    target that is not in it is regressed. ``sized`` is whether the size transforms were applied as the images were
    read. ``names`` are what the columns of a target
    that is not in ``labels`` are called, where that is known. ``learn`` is given the training part, once the others are
    split off it, where samples are not yet in the form that networks take. Of samples ``in_order`` the last ones are
    split off. ``groups`` and ``times`` (``N`` int64) are what the training part can be split by; between parts in time
    ``gap`` times are left out. ``lies_at`` are the files and folders
    that it is read from. ``series`` is what the windows of a series are. ``weights`` (``N`` float64) say how
    likely each sample of the training part is drawn, where a column does.
    """

    train: Samples
    test: Callable[[], Samples] | None = None
    labels: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    sized: bool = False
    validation: Callable[[], Samples] | None = None
    names: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    learn: Callable[[Samples], Form] | None = None
    in_order: bool = False
    groups: Tensor | None = None
    times: Tensor | None = None
    gap: int = 0
    series: Series | None = None
    weights: Tensor | None = None
    lies_at: tuple[Path, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a source may look, and what it may do there; decoded images are kept in ``cache`` where it is a folder.

    ``wanted`` is what the losses want of the targets, ``inputs`` what the network takes, ``given`` are data that lie
    nowhere: Python has given them; ``group`` is the column that the parts are split by, ``weights`` the one by which
    samples are drawn.
    """

    root: Path
    download: bool = False
    seed: int = 0
    cache: Path | None = None
    wanted: Wanted = dataclasses.field(default_factory=Wanted)
    given: Given | None = None
    inputs: Mapping[str, InputSpec] = dataclasses.field(default_factory=dict)
    group: str | None = None
    weights: str | None = None
