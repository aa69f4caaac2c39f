"""Local functions of an ONNX model, which may call each other: how much they are, written out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

#: Nodes of a model once every call of a local function is written out.
MOST_NODES = 200_000


def check_functions(model: Any) -> None:
    """Raise ``ValueError`` where the functions of `model` call themselves, or are more than `MOST_NODES` written out.

    onnx's own readers and the runtimes write them out, or walk through each call, before they count.
    """
    bodies = {(function.domain, function.name): list(_nodes(function.node)) for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}
    asked: set[tuple[str, str]] = set()
    waiting = list(bodies)
    while waiting:
        key = waiting[-1]
        if key in sizes:
            waiting.pop()
            continue
        asked.add(key)
        called = [call for node in bodies[key] if (call := (node.domain, node.op_type)) in bodies]
        left = [call for call in called if call not in sizes]
        if any(call in asked for call in left):
            raise ValueError("a function calls itself")
        if left:
            waiting += dict.fromkeys(left)
            continue
        sizes[key] = min(MOST_NODES + 1, len(bodies[key]) + sum(sizes[call] for call in called))
        waiting.pop()
    total = sum(sizes.get((node.domain, node.op_type), 0) for node in _nodes(model.graph.node)) if bodies else 0
    if total > MOST_NODES:
        raise ValueError(f"its functions are more than {MOST_NODES:,} nodes, written out")


def _nodes(nodes: Iterable[Any]) -> Iterator[Any]:
    """The nodes, and those of the graphs among their attributes: a call may stand in a branch of an If."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _nodes(graph.node)
