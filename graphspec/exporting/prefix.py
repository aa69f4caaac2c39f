"""A network cut off behind a layer: where a whole one is refused without a word of its layers, its parts tell which."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Collection

from torch import fx

from graphspec.compiler import Network
from graphspec.shapes.shaped import ShapedLayer, ValueRef


def first_that(fails: Callable[[Network], bool], network: Network) -> ShapedLayer | None:
    """A layer of `network`, whose module is captured or to be, behind which a cut network `fails`, and before which it
    does not: the first one, unless a later layer mends it. None where even the whole one does not fail.

    It is asked for about log₂ of the layers' number times.
    """
    layers = network.shaped.layers
    right, wrong = 0, len(layers)
    if not fails(giving(network, _ends(network, wrong))):
        return None
    while wrong - right > 1:
        middle = (right + wrong) // 2
        ends = _ends(network, middle)
        if ends and fails(giving(network, ends)):
            wrong = middle
        else:
            right = middle
    return layers[wrong - 1]


def giving(network: Network, wanted: Collection[str]) -> Network:
    """`network` with the values of the layers `wanted`, of one tensor each, as its outputs, and no layer besides that
    these need.
    """
    module = copy.deepcopy(network.module)
    assert isinstance(module, fx.GraphModule)
    given = {name: node for name, node in _nodes(network, module).items() if name in wanted}
    end = next(node for node in module.graph.nodes if node.op == "output")
    end.args = (given,) if len(given) > 1 else (*given.values(),)
    module.graph.eliminate_dead_code()
    module.recompile()
    outputs = {name: ValueRef(name) for name in given}
    whole = network.with_module(module, network.weights)
    return whole.with_shaped(dataclasses.replace(network.shaped, outputs=outputs))


def values(network: Network) -> list[str]:
    """The layers that give one tensor, in order."""
    return [layer.name for layer in network.shaped.layers if set(layer.outputs) == {()}]


def _ends(network: Network, count: int) -> list[str]:
    """The layers among the first `count` that give one tensor which none of these reads."""
    assert isinstance(network.module, fx.GraphModule)
    nodes, known = _nodes(network, network.module), set(values(network))
    first = [layer.name for layer in network.shaped.layers[:count]]
    within = {nodes[name] for name in first}
    return [name for name in first if name in known and not _read(nodes[name], within)]


def _read(node: fx.Node, within: Collection[fx.Node]) -> bool:
    """Whether one of `within` reads the value of `node`, itself or what is taken of it."""
    return any(user in within or (user.op == "call_function" and _read(user, within)) for user in node.users)


def _nodes(network: Network, module: fx.GraphModule) -> dict[str, fx.Node]:
    """The node of each layer in `module`."""
    nodes = [node for node in module.graph.nodes if node.op in ("call_module", "get_attr")]
    return {layer.name: node for layer, node in zip(network.shaped.layers, nodes, strict=True)}
