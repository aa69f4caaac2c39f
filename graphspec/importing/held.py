"""Which constant of the compiled spec has which numbers: merging may have called it as another scope's is called."""

from __future__ import annotations

from collections import defaultdict

from torch import Tensor

from graphspec.importing.bodies import Network, full_name
from graphspec.importing.forward_pass import NotRecorded
from graphspec.shapes.shaped import ShapedGraph


def held_numbers(network: Network, shaped: ShapedGraph) -> dict[str, Tensor]:
    """The numbers of constants that the spec does not say, by the layer's name in the compiled spec.

    In one scope they keep their order.
    """
    theirs: dict[str, list[Tensor]] = defaultdict(list)
    ours: dict[str, list[str]] = defaultdict(list)
    for line in network.root.lines():
        if line in network.held:
            theirs[full_name(line).rpartition(".")[0]].append(network.held[line])
    for layer in shaped.layers:
        if layer.is_given and layer.module == layer.name:
            ours[layer.name.rpartition(".")[0]].append(layer.name)
    found: dict[str, Tensor] = {}
    for scope, names in ours.items():
        if len(names) != len(theirs[scope]):
            raise NotRecorded(
                f"{scope or 'the network'}: its constants were lost when scopes were written as one block"
            )
        found |= dict(zip(names, theirs[scope], strict=True))
    return found
