"""Which layer of the spec each node of a captured program came from."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

import torch

from graphspec.exporting.capture import within
from graphspec.shapes.shaped import ShapedGraph

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
