"""What a spec says of a table's columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from graphspec.data.sources.table import AT, Table
from graphspec.diagnostics import fail, quoted

if TYPE_CHECKING:
    from graphspec.spec.model import InputSpec

#: What is done where a cell holds nothing.
Missing = Literal["refuse", "mean", "most_frequent", "drop"]


def left_out_by(missing: Missing, target: str, used: Iterable[str]) -> list[str]:
    """Which columns' missing cells leave a row out, of the `target` and those that are `used`."""
    return [] if missing == "refuse" else [target, *used] if missing == "drop" else [target]


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What a spec says of a table: the target, whether it is classes, which columns are features (all where none is
    named) and which are left out, what stands for a missing cell, the inputs of the network, and the ``group``
    by which its rows are split, which is no feature.
    """

    target: str
    classes: bool = False
    columns: Sequence[str] = ()
    drop: Sequence[str] = ()
    missing: Missing = "refuse"
    inputs: Mapping[str, InputSpec] = dataclasses.field(default_factory=dict)
    group: str | None = None

    def used(self, table: Table) -> list[str]:
        """The columns of `table` that are features."""
        table.required(self.target, "target")
        left_out = {self.target, *(table.required(name, "drop") for name in self.drop)}
        chosen = {table.required(name, "columns") for name in self.columns} or set(table.columns)
        if self.group is not None:
            at = ("data", "split", "group")
            left_out |= {table.required(self.group, "group", at)} - {n for n in self.inputs if self._alone(n)}
        names = [
            name
            for name in table.columns
            if name not in left_out and (name in chosen or self._alone(name) or self._text(name))
        ]
        if not names:
            raise fail("bad-data", f"{table.path} has no column besides {', '.join(map(quoted, left_out))}", at=AT)
        return names

    def never_missing(self, used: Iterable[str]) -> list[str]:
        """The columns whose missing cells leave their row out: a target is never filled in."""
        return left_out_by(self.missing, self.target, used)

    def alone(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that are the names of inputs for one number or one id, in the order of inputs."""
        known = set(names)
        return [name for name in self.inputs if name in known and self._alone(name)]

    def ids(self, name: str) -> bool:
        """Whether the input called `name` takes whole numbers."""
        return name in self.inputs and not self.inputs[name].dtype.startswith(("float", "bfloat"))

    def texts(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that are the names of inputs for the ids of a text, ``N × T``, in the order of inputs."""
        known = set(names)
        return [name for name in self.inputs if name in known and self._text(name)]

    def _text(self, name: str) -> bool:
        return self.ids(name) and len(self.inputs[name].shape) == 2 and not self._alone(name)

    def _alone(self, name: str) -> bool:
        return name in self.inputs and self.inputs[name].shape[1:] in ((), (1,))
