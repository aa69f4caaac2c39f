"""Where data sets lie and what may be done there. The user says it; no spec has a say in it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True)
class DataPlace:
    """``root`` replaces ``[data] root`` and may be anywhere; only with ``download`` is a data set fetched; decoded
    images are kept between runs where ``cache`` is a folder."""

    root: Path | None = None
    download: bool = False
    cache: Path | None = None

    @classmethod
    def of(cls, given: DataLike) -> DataPlace:
        """The place itself, or the one whose root is a path; None is where the spec says."""
        if isinstance(given, DataPlace):
            return given
        return cls(None if given is None else Path(given))


#: What a place can be given as.
DataLike = DataPlace | str | os.PathLike[str] | None
