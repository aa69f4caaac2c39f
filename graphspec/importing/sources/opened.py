"""What a source gives before it is written as a spec."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from torch import nn

from graphspec.importing.imported import Imported
from graphspec.importing.sources.inputs import Input, Range


def nothing_more(imported: Imported) -> Imported:
    """The proof of a source that is a module already."""
    return imported


@dataclasses.dataclass(frozen=True, eq=False)
class Opened:
    """A network as a module.

    ``inputs`` are those that were given, or what the source says of them; ``ranges`` bound their dims.
    ``proven`` compares what was imported with the source once more, in the runtime of the source's own.
    """

    model: nn.Module
    name: str
    inputs: Mapping[str, Input] = dataclasses.field(default_factory=dict)
    ranges: Mapping[str, Range] = dataclasses.field(default_factory=dict)
    proven: Callable[[Imported], Imported] = nothing_more
