"""One layer or block as it is written out: the line that asks for it, its name, and the body that it stands in."""

from __future__ import annotations

import dataclasses
from typing import Any

from graphspec.diagnostics import Path
from graphspec.graph.layers import Frame, Gate, Ref
from graphspec.spec.model import BlockSpec, LayerSpec, NetworkBody
from graphspec.system.quick import quick


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A body being written out: name prefixes, the path of its layers in the spec, the enclosing gates and blocks."""

    body: NetworkBody
    prefix: str
    modules: str
    at: Path
    gates: tuple[Gate, ...] = ()
    blocks: tuple[str, ...] = ()
    freeze: bool = False
    keep: bool = False


@quick
@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """One name that one line of a body defines: `copies` chained under it, or the `index`-th of several siblings."""

    local: str
    layer: LayerSpec
    at: Path
    copies: int | None
    index: int | None = None
    chained: bool = False


@quick
@dataclasses.dataclass(frozen=True, slots=True)
class Instance:
    """One layer or block called `name`, whose module is `module`; `line` is what says its type and arguments.

    `previous` is the value before it; where it is `chained`, a copy of the one before, that is its first input.
    `gate` is its own ``if``, where that waits for shapes.
    """

    line: LayerSpec
    scope: Frame
    name: str
    module: str
    use: Use
    place: Place
    previous: Ref | None
    chained: bool
    gate: Gate | None = None

    @property
    def at(self) -> Path:
        """The path of its line in the spec."""
        return self.use.at

    @property
    def target(self) -> str:
        """The name of its node: behind an ``if``, ``NAME?``."""
        return self.name if self.gate is None else f"{self.name}?"

    @property
    def gates(self) -> tuple[Gate, ...]:
        """What has to hold for it to exist."""
        return self.place.gates if self.gate is None else (*self.place.gates, self.gate)

    def inside(self, kind: str, block: BlockSpec, freeze: bool) -> Place:
        """The place of the body of `block`, called `kind`, whose instance this is."""
        blocks, keep = (*self.place.blocks, kind), self.place.keep or self.line.keep
        at: tuple[Any, ...] = ("blocks", kind, "layers")
        return Place(block, f"{self.name}.", f"{self.module}.", at, self.gates, blocks, freeze, keep)
