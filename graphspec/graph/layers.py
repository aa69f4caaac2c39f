"""Stage 2's type: layers with their references resolved. Expressions that read a shape are still open."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from graphspec.diagnostics import Path, quoted, suggest
from graphspec.ops import Op
from graphspec.spec.model import NetworkSpec
from graphspec.spec.scope import Bindings
from graphspec.system.quick import quick


@quick
@dataclasses.dataclass(frozen=True, slots=True)
class Ref:
    """A value: what the node called `name` gives; `selector` names one of several (``h_n``, ``0``)."""

    name: str
    selector: str = ""

    def __str__(self) -> str:
        return f"{self.name}.{self.selector}" if self.selector else self.name


@dataclasses.dataclass(frozen=True, eq=False)
class Frame(Bindings):
    """The scope of one body: its variables, and what each local name of a value refers to."""

    values: Mapping[str, Ref] = dataclasses.field(default_factory=dict)

    def indexed(self, i: int) -> Frame:
        """This scope inside the `i`-th copy of a repeat."""
        return Frame({}, {"i": (i, self)}, self, self.meter, self.values)


@dataclasses.dataclass(frozen=True, slots=True)
class Gate:
    """An ``if`` that waits for shapes."""

    condition: Any
    scope: Bindings
    at: Path


#: What a forward parameter is given, by its name or its position.
Sources = Mapping[str | int, Ref | tuple[Ref, ...]]


def references(sources: Sources) -> list[Ref]:
    """Every value in `sources`, in order; the same one twice stays twice."""
    return [ref for source in sources.values() for ref in (source if isinstance(source, tuple) else (source,))]


@quick
@dataclasses.dataclass(frozen=True, slots=True)
class Layer:
    """One call of one module.

    ``module`` names the layer whose module is called: this one, or the one that it reuses. ``arguments`` may be open
    expressions, to be closed in ``scope``. Where a gate turns out false the layer does not exist.
    """

    name: str
    module: str
    op: Op
    arguments: Mapping[str, Any]
    sources: Sources
    scope: Bindings
    at: Path
    gates: tuple[Gate, ...] = ()
    init: Any = None
    freeze: bool = False
    tie: Any = None
    keep: bool = False
    parametrize: Any = None

    @property
    def label(self) -> str:
        """Its name in messages: a layer behind an ``if`` is called ``NAME?`` inside the graph only."""
        return self.name.removesuffix("?")

    def taking(self, sources: Sources) -> Layer:
        """The same layer with other sources; ``dataclasses.replace`` takes five times as long."""
        return Layer(
            self.name, self.module, self.op, self.arguments, sources, self.scope, self.at, self.gates, self.init,
            self.freeze, self.tie, self.keep, self.parametrize,
        )  # fmt: skip

    def references(self) -> list[Ref]:
        """Every value it takes, in order."""
        return references(self.sources)


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """A conditional layer or block from outside: `then` where the gate holds, else its first input."""

    name: str
    gate: Gate
    then: Ref
    otherwise: Ref
    gates: tuple[Gate, ...] = ()

    def references(self) -> list[Ref]:
        """Both values it may be."""
        return [self.then, self.otherwise]


@dataclasses.dataclass(frozen=True, slots=True)
class LayerGraph:
    """The network as a DAG.

    ``nodes`` stand in an execution order, ``uses`` counts how often each node and input is taken, and ``aliases`` say
    what the names of block instances and repeats stand for (full name → output name → value).
    """

    spec: NetworkSpec
    nodes: Mapping[str, Layer | Choice]
    outputs: Mapping[str, Ref]
    uses: Mapping[str, int]
    aliases: Mapping[str, Mapping[str, Ref]]

    def follow(self, ref: Ref) -> Ref:
        """The node or input behind a name in a scope; raises :class:`UnknownOutput`."""
        return follow(ref, self.aliases)


class UnknownOutput(Exception):
    """A block has no output of that name."""

    hint = ""


def follow(ref: Ref, aliases: Mapping[str, Mapping[str, Ref]]) -> Ref:
    """`ref` with names of block instances, repeats and passed-through inputs followed to what stands behind them."""
    for _ in range(len(aliases) + 1):
        values = aliases.get(ref.name)
        if not values:
            return ref
        if "" in values or not ref.selector:
            value = next(iter(values.values()))
            ref = Ref(value.name, value.selector or ref.selector)
        elif ref.selector in values:
            ref = values[ref.selector]
        else:
            error = UnknownOutput(f"{quoted(ref.name)} has no output {quoted(ref.selector)}")
            error.hint = suggest(ref.selector, values) or f"its outputs: {', '.join(values)}"
            raise error
    raise UnknownOutput(f"{quoted(ref.name)} passes itself through")
