"""How many layers a spec would become, counted before any is written out."""

from __future__ import annotations

from graphspec.diagnostics import fail, quoted
from graphspec.spec.model import LayerSpec, NetworkSpec

#: How deep blocks may be nested.
DEEPEST = 32


def check_size(spec: NetworkSpec, most: int) -> None:
    """Refuse a network of certainly more than `most` layers.

    A lower bound: a line with ``if``, or whose ``repeat`` or type is an expression, counts as little as it can. Linear
    in the text, whatever number comes out.

    Raises:
        GraphspecError: naming the line of the network that has most of them.
    """
    sizes: dict[str, int] = {}
    lines = {name: _line(layer, spec, sizes, 0) for name, layer in spec.layers.items()}
    total = sum(lines.values())
    if total > most:
        worst = max(lines, key=lambda name: lines[name])
        message = f"the network has {total:,} layers or more, {lines[worst]:,} of them in {quoted(worst)}"
        raise fail("too-many-layers", message, ("layers", worst), f"the most is {most:,}; --most-layers raises it")


def _line(layer: LayerSpec, spec: NetworkSpec, sizes: dict[str, int], depth: int) -> int:
    if layer.condition is not None:
        return 0
    # a number that is no count is a fault of its own, reported where repeat is read
    copies = layer.repeat if isinstance(layer.repeat, int) and layer.repeat > 0 else 1
    is_block = layer.type is not None and layer.type in spec.blocks
    return copies * (_block(str(layer.type), spec, sizes, depth + 1) if is_block else 1)


def _block(name: str, spec: NetworkSpec, sizes: dict[str, int], depth: int) -> int:
    """The layers in one instance of a block; each block is counted once."""
    if name not in sizes and depth > DEEPEST:
        return 1
    if name not in sizes:
        # a block inside itself is refused elsewhere
        sizes[name] = 0
        sizes[name] = sum(_line(layer, spec, sizes, depth) for layer in spec.blocks[name].layers.values())
    return sizes[name]
