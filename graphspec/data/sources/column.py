"""One column of a table: how its cells become numbers, ids, or features of 0 and 1."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphspec.data.sources.cells import is_missing
from graphspec.data.sources.table import AT, Table
from graphspec.diagnostics import printable, quoted, warn

#: The place of a text that is none of the categories, and of a cell that holds nothing and is to be filled.
UNKNOWN, MISSING = -1, -2


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """``categories`` are the texts in sorted order, None for a column of numbers.

    With ``ids`` a text is 1 + its place among them, and 0 where it is none; otherwise it is one-hot. ``fill`` stands
    for a missing cell, of which the training table has ``missing``; without it none may be missing.
    """

    name: str
    categories: tuple[str, ...] | None = None
    ids: bool = False
    fill: float | str | None = None
    missing: int = 0

    @property
    def width(self) -> int:
        """How many features it gives."""
        return 1 if self.categories is None or self.ids else len(self.categories)

    @property
    def vocabulary(self) -> int:
        """How many ids it has."""
        return 1 + len(self.categories or ())

    def value(self, table: Table, filled: bool) -> Tensor:
        """Each cell before it is filled: ``N`` float64 of numbers, ``N`` int64 of ids.

        A missing cell that is to be `filled` is NaN, among ids -1.
        """
        if not self.ids:
            return torch.from_numpy(table.numbers(self.name, missing=filled))
        places = torch.from_numpy(self._places(table, filled))
        return torch.where(places == MISSING, -1, places + 1)

    def write_features(self, table: Table, filled: bool, features: Tensor) -> None:
        """The same into `features`, ``N × width`` zeros: of texts a 1 for each, NaN for a missing cell."""
        if self.categories is None:
            features[:, 0] = self.value(table, filled)
            return
        places = torch.from_numpy(self._places(table, filled))
        known = (places >= 0).nonzero().flatten()
        features[known, places[known]] = 1
        if filled:
            features[places == MISSING] = torch.nan

    def filled(self, values: Tensor) -> Tensor:
        """Values or features with ``fill`` in the missing cells."""
        if self.fill is None:
            return values
        if self.ids:
            assert self.categories is not None
            return torch.where(values < 0, 1 + self.categories.index(str(self.fill)), values)
        return torch.where(values.isnan(), self._features_of_fill(), values)

    def _features_of_fill(self) -> Tensor:
        if self.categories is None:
            return torch.tensor(self.fill, dtype=torch.float64)
        return torch.tensor([float(text == self.fill) for text in self.categories], dtype=torch.float64)

    def _places(self, table: Table, filled: bool) -> np.ndarray:
        assert self.categories is not None
        places = {text: place for place, text in enumerate(self.categories)}
        texts = table.texts(self.name)
        found = np.fromiter((places.get(text, UNKNOWN) for text in texts), np.int64, len(texts))
        if filled:
            found[[row for row, text in enumerate(texts) if is_missing(text)]] = MISSING
        if len(unknown := np.flatnonzero(found == UNKNOWN)):
            text, more = texts[unknown[0]], f" and {len(unknown) - 1:,} more" * (len(unknown) > 1)
            message = (
                f"{table.place(self.name, int(unknown[0]))}: {quoted(text)}{more} is no text of the training table"
            )
            warn("bad-data", message, at=AT, hint="its id is 0" if self.ids else "all its features are 0")
        return found

    @classmethod
    def from_dict(cls, noted: Mapping[str, Any]) -> Column:
        """The reverse of ``asdict``."""
        categories, fill = noted["categories"], noted.get("fill")
        if fill is not None and categories is not None and str(fill) not in categories:
            raise ValueError("a missing text is filled with one that is known")
        return cls(
            str(noted["name"]), None if categories is None else tuple(map(str, categories)), bool(noted.get("ids")),
            fill if fill is None else float(fill) if categories is None else str(fill), int(noted.get("missing", 0)),
        )  # fmt: skip

    def line(self) -> str:
        """What it is to the network, in words."""
        if self.categories is None:
            what = "a number"
        elif self.ids:
            what = f"ids of {len(self.categories):,} texts, 0 for any other"
        else:
            what = f"{self.width:,} features of 0 and 1: {listed(self.categories)}"
        if self.fill is None:
            gaps = [text for text in self.categories or () if is_missing(text)]
            return f"{what}; {', '.join(map(quoted, gaps))} is one of them" if gaps else what
        cells = {0: "a missing cell would be", 1: "a missing cell is"}.get(
            self.missing, f"{self.missing:,} missing cells are"
        )
        return f"{what}; {cells} {self.fill:.6g}" if isinstance(self.fill, float) else f"{what}; {cells} {self.fill}"


def listed(names: tuple[str, ...], most: int = 6) -> str:
    """The first of `names`, and how many more there are."""
    more = f", … ({len(names):,})" if len(names) > most else ""
    return printable(", ".join(names[:most])) + more
