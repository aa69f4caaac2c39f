"""Where data sets lie, or that Python gives them, and what may be done. The user says it; no spec has a say in it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from graphspec.data.given import Given
from graphspec.spec.base import Component
from graphspec.spec.data import DataSpec
from graphspec.spec.model import NetworkSpec


@dataclasses.dataclass(frozen=True, slots=True)
class DataPlace:
    """``root`` replaces ``[data] root`` and may be anywhere; only with ``download`` is a data set fetched; decoded
    images are kept between runs where ``cache`` is a folder. ``given`` are data that lie nowhere."""

    root: Path | None = None
    download: bool = False
    cache: Path | None = None
    given: Given | None = None

    @classmethod
    def of(cls, given: DataLike) -> DataPlace:
        """The place itself, the one whose root is a path, or none but the data; None is where the spec says."""
        if isinstance(given, DataPlace):
            return given
        if given is None or isinstance(given, str | os.PathLike):
            return cls(None if given is None else Path(given))
        return cls(given=Given.of(given))


def of_given(spec: NetworkSpec, data: DataLike) -> NetworkSpec:
    """`spec`, which says of data given in Python that they were: ``dataset = "arrays"``."""
    if DataPlace.of(data).given is None:
        return spec
    own = spec.data.dataset.args if spec.data else {}
    kept = {key: value for key, value in own.items() if key == "targets" and value == "input"}
    arrays = Component.model_validate({"type": "arrays", **kept})
    section = spec.data.model_copy(update={"dataset": arrays}) if spec.data else DataSpec(dataset=arrays)
    return spec.model_copy(update={"data": section})


#: What a place can be given as: a folder, ``(x, y)``, a data set or a loader of torch's, a dict of those by part.
DataLike = Any
