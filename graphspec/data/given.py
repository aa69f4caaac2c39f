"""Data that Python gives themselves, in parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from graphspec.diagnostics import fail, quoted

PARTS = ("train", "validation", "test")
HINT = "data=(x, y), a Dataset, a DataLoader, or a dict of these by part: train, validation, test"


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Given:
    """The parts by name, as they were given; ``train`` is always there."""

    parts: Mapping[str, Any]

    @classmethod
    def of(cls, given: Any) -> Given:
        """`given` itself as the training part, or the parts of a dict."""
        if not isinstance(given, Mapping):
            return cls({"train": given})
        if "train" not in given or given.keys() - set(PARTS):
            names = ", ".join(map(quoted, given)) or "nothing"
            raise fail("bad-data", f"the parts of data are train, validation and test, and it has {names}", hint=HINT)
        return cls(dict(given))
