"""Stage 2: a spec becomes a layer graph: expanded, resolved, acyclic, with nothing dangling and nothing unused."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from graphspec.diagnostics import Diagnostic, GraphspecError, Path, quoted, warn
from graphspec.graph.arity import bind
from graphspec.graph.backbones import with_stages_read
from graphspec.graph.expand import Expansion
from graphspec.graph.layers import Choice, Layer, LayerGraph, Ref, Sources, UnknownOutput, follow
from graphspec.graph.order import Needs, circle, needed, ordered
from graphspec.spec.interpolation import is_closed
from graphspec.spec.limits import most_layers
from graphspec.spec.model import NetworkSpec

#: A size in an expression: of a value, or of one of several that a layer gives.
_SIZE = re.compile(r"\b([A-Za-z_]\w*)(?:\.(\w+))?\.shape\b")


def build(spec: NetworkSpec) -> LayerGraph:
    """Expand blocks and repeats, resolve names and order the layers, as many as :mod:`graphspec.spec.limits` allows.

    Raises:
        GraphspecError: with every fault found; only the first cycle is shown.
    """
    expansion = Expansion(spec, most_layers())
    outputs = expansion.network()
    _raise(expansion.reader.faults)
    resolver = _Resolver(expansion)
    nodes = {name: resolver.node(node) for name, node in expansion.nodes.items()}
    outputs = {name: resolver.follow(ref, ("outputs", name)) for name, ref in outputs.items()}
    _raise(resolver.faults)
    nodes = with_stages_read(nodes, outputs)
    needs = _needs(spec, nodes)
    order = ordered(needs)
    if order is None:
        raise GraphspecError([_cycle(needs, nodes)])
    read = _read_besides(nodes, expansion.aliases)
    if read:  # a size that its own value decides is said where shapes are
        order = ordered({name: [*before, *read.get(name, ())] for name, before in needs.items()}) or order
    uses = Counter(itertools.chain.from_iterable(needs.values()))
    _raise([*_unused_layers(needs, nodes, outputs), *_unused_inputs(uses, spec)])
    _warn_unused_blocks(expansion)
    return LayerGraph(spec, {name: nodes[name] for name in order if name in nodes}, outputs, uses, expansion.aliases)


def _raise(faults: list[Diagnostic]) -> None:
    if faults:
        raise GraphspecError(faults)


class _Resolver:
    """Follows names of block instances, repeats and passed-through inputs to the layers behind them."""

    def __init__(self, expansion: Expansion) -> None:
        self.aliases = expansion.aliases
        self.faults: list[Diagnostic] = []

    def node(self, node: Layer | Choice) -> Layer | Choice:
        """`node` with every reference followed."""
        if isinstance(node, Choice):
            then, otherwise = (self.follow(ref, node.gate.at) for ref in (node.then, node.otherwise))
            return dataclasses.replace(node, then=then, otherwise=otherwise)
        faults, bound = bind(node.op, node.label, self.followed(node) if self.aliases else node.sources, node.at)
        self.faults += faults
        return node.taking(bound)

    def followed(self, node: Layer) -> Sources:
        """What `node` takes, as far back as it comes from."""
        at = (*node.at, "from")
        return {
            key: tuple(self.follow(ref, at) for ref in source) if isinstance(source, tuple) else self.follow(source, at)
            for key, source in node.sources.items()
        }

    def follow(self, ref: Ref, at: Path) -> Ref:
        """The layer, choice or input that `ref` ends at."""
        if ref.name not in self.aliases:
            return ref
        try:
            return follow(ref, self.aliases)
        except UnknownOutput as error:
            self.faults.append(Diagnostic("unknown-reference", str(error), at, error.hint))
            return ref


def _needs(spec: NetworkSpec, nodes: Mapping[str, Layer | Choice]) -> Needs:
    """What each node takes, and the owner of a reused module, without which it is not there."""
    needs = {name: [ref.name for ref in node.references()] for name, node in nodes.items()}
    layers = [node for node in nodes.values() if isinstance(node, Layer)]
    reusing = [node for node in layers if node.module != node.label]
    owners = {node.module: node.name for node in layers if node.module == node.label} if reusing else {}
    for node in reusing:
        if node.module in owners:
            needs[node.name].append(owners[node.module])
    return {name: [] for name in spec.inputs} | needs


def _read_besides(
    nodes: Mapping[str, Layer | Choice], aliases: Mapping[str, Mapping[str, Ref]]
) -> dict[str, list[str]]:
    """What each node reads without taking it: sizes in its expressions, tensors that are another's."""
    sizes = _Sizes()
    found = {}
    for name, node in nodes.items():
        if (
            isinstance(node, Layer)
            and not node.gates
            and node.tie is None
            and all(map(is_closed, node.arguments.values()))
        ):
            continue
        if read := [other for other in (*_sizes_read(node, aliases, sizes), *_owners(node, nodes)) if other in nodes]:
            found[name] = read
    return found


class _Sizes:
    """The sizes that values name in their expressions, looked for once in a value that copies of a line share."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[Any, list[tuple[str, str]]]] = {}

    def of(self, value: Any) -> list[tuple[str, str]]:
        """The names, each with that of one of its values or ``""``."""
        if id(value) not in self._found:
            texts = [text for text in _strings(value) if ".shape" in text]
            self._found[id(value)] = value, [match for text in texts for match in _SIZE.findall(text)]
        return self._found[id(value)][1]


def _sizes_read(node: Layer | Choice, aliases: Mapping[str, Mapping[str, Ref]], sizes: _Sizes) -> Iterator[str]:
    """The nodes whose sizes the expressions of `node` read."""
    gates = [*node.gates, *([node.gate] if isinstance(node, Choice) else [])]
    texts = [(gate.condition, gate.scope) for gate in gates]
    if isinstance(node, Layer):
        texts += [(value, node.scope) for value in node.arguments.values() if not is_closed(value)]
    for value, scope in texts:
        for local, selector in sizes.of(value):
            frame: Any = scope
            while frame is not None and local not in getattr(frame, "values", {}):
                frame = frame.outer
            if frame is not None:
                ref = frame.values[local]
                with contextlib.suppress(UnknownOutput):
                    yield follow(Ref(ref.name, selector or ref.selector), aliases).name


def _owners(node: Layer | Choice, nodes: Mapping[str, Layer | Choice]) -> Iterator[str]:
    """The layers whose tensors `node` shares: named from its own place, or from the whole network."""
    parts = node.name.split(".")[:-1]
    for text in _strings(node.tie) if isinstance(node, Layer) else ():
        inside = [".".join([*parts, text]), text]
        names = [name for path in inside for name in (path, path.rpartition(".")[0])]
        yield from [name for name in names if name in nodes and name != node.name][:1]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _strings([*value.values()])
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _strings(item)


def _cycle(needs: Needs, nodes: Mapping[str, Layer | Choice]) -> Diagnostic:
    """The first cycle, as a path."""
    members = circle(needs)
    first = next(node for node in map(nodes.get, members) if node)
    path = " → ".join(quoted(name) for name in [*members, members[0]][:20])
    at = first.at if isinstance(first, Layer) else first.gate.at[:-1]
    message = f"layers take each other's output: {path}"
    return Diagnostic("cycle", message, at, "a network has no loops; unroll it with repeat")


def _unused_layers(
    needs: Needs, nodes: Mapping[str, Layer | Choice], outputs: Mapping[str, Ref]
) -> Iterator[Diagnostic]:
    """Layers whose values reach no output; one line of the spec is reported once."""
    used = needed(needs, {ref.name for ref in outputs.values()})
    seen: set[Path] = set()
    for name, node in nodes.items():
        if name not in used and isinstance(node, Layer) and not node.keep and node.at not in seen:
            seen.add(node.at)
            message = f"nothing uses layer {quoted(name.removesuffix('?'))}"
            yield Diagnostic("unused-layer", message, node.at, "name it in a `from` or in [outputs], or remove it")


def _unused_inputs(uses: Mapping[str, int], spec: NetworkSpec) -> Iterator[Diagnostic]:
    for name in spec.inputs:
        if name not in uses:
            yield Diagnostic(
                "unused-input", f"nothing uses input {quoted(name)}", ("inputs", name), "name it in a `from`"
            )


def _warn_unused_blocks(expansion: Expansion) -> None:
    for name in expansion.spec.blocks:
        if name not in expansion.used_blocks:
            warn(
                "unused-block",
                f"nothing uses block {quoted(name)}",
                ("blocks", name),
                "make it a layer's type, or remove it",
            )
