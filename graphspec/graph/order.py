"""Which node needs which before it, and what follows: an order, a circle, what no output needs.

A file that is in order already, as nearly all are, costs one look at each need; the rest is networkx's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx as nx

#: By input and node, inputs first and the others in the order of the file: what stands before it, the same one twice
#: where it is taken twice.
Needs = Mapping[str, Sequence[str]]


def _graph(needs: Needs) -> nx.MultiDiGraph:
    """Names as nodes, in order, and an edge to each from whatever it needs, as often as it does."""
    import networkx as nx  # imported where it is wanted alone

    found = nx.MultiDiGraph()
    found.add_nodes_from(needs)
    found.add_edges_from((before, name) for name, others in needs.items() for before in others)
    return found


def ordered(needs: Needs) -> list[str] | None:
    """The names in an execution order, as near to the file's as can be; None where some need each other."""
    place = {name: number for number, name in enumerate(needs)}
    if all(place[name] < number for number, before in enumerate(needs.values()) for name in before):
        return [*needs]
    import networkx as nx

    try:
        return list(nx.lexicographical_topological_sort(_graph(needs), place.__getitem__))
    except nx.NetworkXUnfeasible:
        return None


def circle(needs: Needs) -> list[str]:
    """Names of which each is needed by the next, and the last by the first; empty where there are none."""
    import networkx as nx

    try:
        return [edge[0] for edge in nx.find_cycle(_graph(needs))]
    except nx.NetworkXNoCycle:
        return []


def needed(needs: Needs, wanted: Iterable[str]) -> set[str]:
    """`wanted`, and everything that it needs."""
    found: set[str] = set()
    waiting = [*wanted]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += needs[name]
    return found
