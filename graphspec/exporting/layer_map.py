"""Which layer of the spec a node of a captured program came from, or an error that its module raised."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import torch

from graphspec.compiler import Network
from graphspec.module.names import within
from graphspec.shapes.shaped import ShapedGraph, ShapedLayer

_CALL = re.compile(r"@(\d+)$")


def layers_of_nodes(graph: torch.fx.Graph, shaped: ShapedGraph) -> dict[str, str]:
    """Node name → layer name, by the submodule that torch recorded.

    A module that is called several times (``reuse``) belongs to several layers: torch writes ``fc@1`` for its second
    call, and the calls are in the layers' order.
    """
    calls: dict[str, list[str]] = defaultdict(list)
    for layer in shaped.layers:
        calls[layer.module].append(layer.name)
    found = {}
    for node in graph.nodes:
        layer_name = _layer(node.meta.get("nn_module_stack") or {}, calls)
        if layer_name:
            found[node.name] = layer_name
    return found


def failing_layer(network: Network, run: Callable[[], Any]) -> tuple[ShapedLayer | None, Exception | None]:
    """The layer that was entered last before `run`, which calls the network's module, raised; and what it raised."""
    entered: list[str] = []
    handles = [
        child.register_forward_pre_hook(lambda _module, _args, name=name: entered.append(name))
        for name, child in network.module.named_modules()
        if name
    ]
    try:
        run()
    except Exception as error:  # torch raises many types
        found = (layer for name in reversed(entered) for layer in network.shaped.layers if within(name, layer.module))
        return next(found, None), error
    finally:
        for handle in handles:
            handle.remove()
    return None, None


def _layer(stack: Mapping[str, tuple[str, object]], calls: Mapping[str, list[str]]) -> str | None:
    """The layer of the innermost module on `stack` that is a layer or inside one."""
    for key, (path, _) in reversed(list(stack.items())):
        module = next((module for module in calls if within(path, module)), None)
        if module is None:
            continue
        own = next((k for k, (p, _) in stack.items() if p == module), key)
        call = _CALL.search(own)
        names = calls[module]
        return names[min(int(call[1]) if call else 0, len(names) - 1)]
    return None
