"""What ``graphspec compile --emit`` writes, each the text of one stage's result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphspec.spec import dump

if TYPE_CHECKING:
    from graphspec.compiler import Network
    from graphspec.shapes import ShapedGraph


def spec(network: Network) -> str:
    """Stage 1: the resolved spec as TOML."""
    return dump(network.spec)


def graph(network: Network) -> str:
    """Stage 2: every layer with what it takes, conditional ones with their condition."""
    from graphspec.graph import Choice

    lines = []
    for name, node in network.graph.nodes.items():
        taken = ", ".join(str(ref) for ref in node.references())
        kind = f"if {node.gate.condition}" if isinstance(node, Choice) else node.op.name
        lines.append(f"{name} = {kind}({taken})")
    return "\n".join(lines)


def shapes(shaped: ShapedGraph) -> str:
    """Stage 3: every value with its shape and dtype."""
    lines = [f"{name}: {kind}" for name, kind in shaped.inputs.items()]
    for layer in shaped.layers:
        lines += [f"{'.'.join([layer.name, *map(str, index)])}: {kind}" for index, kind in layer.outputs.items()]
    return "\n".join(lines)


def python(shaped: ShapedGraph) -> str:
    """Stage 4 as source: the network as one file that imports only torch."""
    from graphspec.module.emit import python as source

    return source(shaped)
