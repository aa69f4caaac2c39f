"""Stage 2: a spec becomes a layer graph: expanded, resolved, acyclic, with nothing dangling and nothing unused."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

import networkx as nx

from graphspec.diagnostics import Diagnostic, GraphspecError, Path, quoted, warn
from graphspec.graph.arity import bind
from graphspec.graph.backbones import with_stages_read
from graphspec.graph.expand import Expansion
from graphspec.graph.layers import Choice, Layer, LayerGraph, Ref, UnknownOutput, follow
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
    graph = _graph(spec, nodes, outputs)
    order = _order(graph, nodes)
    sizes = _Sizes()
    read = [(name, reader) for reader, node in nodes.items() for name in _sizes_read(node, expansion.aliases, sizes)]
    read += [(name, tied) for tied, node in nodes.items() for name in _owners(node, nodes)]
    place = {name: n for n, name in enumerate(order)}
    if any(place.get(name, -1) > place[reader] for name, reader in read):
        with contextlib.suppress(GraphspecError):  # a size that its own value decides is said where shapes are
            sized = graph.copy()
            sized.add_edges_from(read)
            order = _order(sized, nodes)
    _raise([*_unused_layers(graph, nodes, outputs), *_unused_inputs(graph, spec)])
    _warn_unused_blocks(expansion)
    return LayerGraph(spec, {name: nodes[name] for name in order}, outputs, graph, expansion.aliases)


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
        at = (*node.at, "from")
        sources = {
            key: tuple(self.follow(ref, at) for ref in source) if isinstance(source, tuple) else self.follow(source, at)
            for key, source in node.sources.items()
        }
        faults, bound = bind(node.op, node.name.removesuffix("?"), sources, node.at)
        self.faults += faults
        return dataclasses.replace(node, sources=bound)

    def follow(self, ref: Ref, at: Path) -> Ref:
        """The layer, choice or input that `ref` ends at."""
        try:
            return follow(ref, self.aliases)
        except UnknownOutput as error:
            self.faults.append(Diagnostic("unknown-reference", str(error), at, error.hint))
            return ref


def _graph(spec: NetworkSpec, nodes: Mapping[str, Layer | Choice], outputs: Mapping[str, Ref]) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph()
    graph.add_nodes_from([*spec.inputs, *nodes])
    graph.add_edges_from((ref.name, name) for name, node in nodes.items() for ref in node.references())
    layers = [node for node in nodes.values() if isinstance(node, Layer)]
    # a reused module exists because its owner does; behind an `if` that is "NAME?"
    owners = {node.module: node.name for node in layers if node.name.removesuffix("?") == node.module}
    graph.add_edges_from(
        (owners[node.module], node.name) for node in layers if owners.get(node.module, node.name) != node.name
    )
    return graph


def _order(graph: nx.MultiDiGraph, nodes: Mapping[str, Layer | Choice]) -> list[str]:
    """The nodes in an execution order, as near to the file's as can be."""
    position = {name: index for index, name in enumerate(nodes)}
    try:
        order = list(nx.lexicographical_topological_sort(graph, lambda name: position.get(name, -1)))
    except nx.NetworkXUnfeasible:
        raise GraphspecError([_cycle(graph, nodes)]) from None
    return [name for name in order if name in nodes]


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
        texts += [(value, node.scope) for value in node.arguments.values()]
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


def _cycle(graph: nx.MultiDiGraph, nodes: Mapping[str, Layer | Choice]) -> Diagnostic:
    """The first cycle, as a path; the topological sort names nothing."""
    edges = nx.find_cycle(graph)
    members = [edge[0] for edge in edges]
    first = next(node for node in map(nodes.get, members) if node)
    path = " → ".join(quoted(name) for name in [*members, members[0]][:20])
    at = first.at if isinstance(first, Layer) else first.gate.at[:-1]
    message = f"layers take each other's output: {path}"
    return Diagnostic("cycle", message, at, "a network has no loops; unroll it with repeat")


def _unused_layers(
    graph: nx.MultiDiGraph, nodes: Mapping[str, Layer | Choice], outputs: Mapping[str, Ref]
) -> Iterator[Diagnostic]:
    """Layers whose values reach no output; one line of the spec is reported once."""
    used = set()
    for ref in outputs.values():
        used |= {ref.name} | nx.ancestors(graph, ref.name)
    seen: set[Path] = set()
    for name, node in nodes.items():
        if name not in used and isinstance(node, Layer) and not node.keep and node.at not in seen:
            seen.add(node.at)
            message = f"nothing uses layer {quoted(name.removesuffix('?'))}"
            yield Diagnostic("unused-layer", message, node.at, "name it in a `from` or in [outputs], or remove it")


def _unused_inputs(graph: nx.MultiDiGraph, spec: NetworkSpec) -> Iterator[Diagnostic]:
    for name in spec.inputs:
        if not graph.out_degree(name):
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
