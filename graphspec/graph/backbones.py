"""What the other layers take of a backbone: ``from = "backbone.layer3"`` is a value of its module ``layer3``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from graphspec.diagnostics import Path, fail, quoted, suggest
from graphspec.graph.layers import Choice, Layer, Ref
from graphspec.ops.backbones import WHOLE, UnknownStage, is_backbone, with_stages

Nodes = Mapping[str, Layer | Choice]


def with_stages_read(nodes: Nodes, outputs: Mapping[str, Ref]) -> dict[str, Layer | Choice]:
    """`nodes`, each backbone with the stages that others read; one of which only its output is read stays as it is.

    Raises:
        GraphspecError: ``unknown-reference`` where the network has no such module.
    """
    made = {node.label: node for node in nodes.values() if isinstance(node, Layer) and is_backbone(node.op)}
    if not made:
        return dict(nodes)
    read: dict[str, dict[str, Path]] = {}
    for ref, at in _references(nodes, outputs):
        if layer := made.get(ref.name.removesuffix("?")):
            read.setdefault(layer.module, {}).setdefault(ref.selector or WHOLE, at)
    staged = {module for module, selectors in read.items() if selectors.keys() - {WHOLE}}
    return {
        name: _staged(node, read[node.module])
        if isinstance(node, Layer) and node.module in staged and is_backbone(node.op)
        else node
        for name, node in nodes.items()
    }


def _references(nodes: Nodes, outputs: Mapping[str, Ref]) -> Iterator[tuple[Ref, Path]]:
    for node in nodes.values():
        at = (*node.at, "from") if isinstance(node, Layer) else node.gate.at
        yield from ((ref, at) for ref in node.references())
    yield from ((ref, ("outputs", name)) for name, ref in outputs.items())


def _staged(node: Layer, read: Mapping[str, Path]) -> Layer:
    try:
        op = with_stages(node.op, [name for name in read if name != WHOLE], WHOLE in read)
    except UnknownStage as error:
        top = [name for name in error.known if "." not in name]
        hint = suggest(error.name, error.known, most=10_000) or f"its modules: {', '.join(top)}"
        message = f"{node.op.name} has no module {quoted(error.name)}"
        raise fail("unknown-reference", message, read[error.name], hint) from error
    return dataclasses.replace(node, op=op)
