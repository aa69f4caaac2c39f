"""One line of the spec to be: a layer type with its arguments and the values that go in."""

from __future__ import annotations

import dataclasses
from typing import Any

from graphspec.importing.forward_pass import Frame, Value


@dataclasses.dataclass(eq=False, repr=False)
class Step:
    """`type` at `path`, where the layer has weights or a name of its own, or else in the scope of `frame`.

    ``sources`` are values by port; ``args`` numbers, strings and formulas. ``outputs`` are the values that come out,
    each with its selector (``"h_n"``, ``""`` for the only one). ``variable`` is what the source calls it.
    """

    type: str
    frame: Frame
    sources: dict[str, Any]
    args: dict[str, Any]
    outputs: list[tuple[str, Value]]
    path: str = ""
    name: str = ""
    variable: str = ""
    stateful: bool = False
    parametrize: Any = None
    call: Any = None
