"""What ``graphspec compile`` shows: a table of layers with shapes, parameters and FLOPs, and their totals."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from graphspec.display.number_text import short, size
from graphspec.display.table_look import new_table

if TYPE_CHECKING:
    from graphspec.shapes import ShapedGraph, ShapedLayer
    from graphspec.shapes.dims import Dim

#: A longer table is folded: first inner blocks to one row each, then its middle to an ellipsis.
MOST_ROWS = 120
_HEAD, _TAIL = 80, 30
#: What a dynamic dim other than the batch counts as where FLOPs are written as a number.
_TYPICAL_SIZE = 64


@dataclasses.dataclass(frozen=True)
class Row:
    """One line: a layer, or a block standing for the layers inside it."""

    name: str
    type: str
    output: str
    parameters: int
    flops: int
    block: bool = False

    @property
    def depth(self) -> int:
        """How deep the row is nested; 0 for the network's own layers."""
        return self.name.count(".")


def document(shaped: ShapedGraph) -> dict[str, Any]:
    """The summary as data: FLOPs stay expressions over the dynamic dims."""
    from graphspec.shapes.dims import dim_text

    layers = [
        {
            "name": layer.name,
            "type": layer.type,
            "outputs": [str(type_) for type_ in layer.outputs.values()],
            "parameters": layer.parameter_count,
            "flops": dim_text(layer.flops),
        }
        for layer in shaped.layers
    ]
    return {
        "name": shaped.spec.name,
        "inputs": {name: str(type_) for name, type_ in shaped.inputs.items()},
        "outputs": {name: str(type_) for name, type_ in shaped.output_types.items()},
        "dims": {name: list(bounds) for name, bounds in shaped.dims.items()},
        "layers": layers,
        "parameters": shaped.parameter_count,
        "flops": dim_text(shaped.flops),
    }


def tables(shaped: ShapedGraph, whole: bool = False) -> Iterator[RenderableType]:
    """The table of layers, folded to about 120 rows unless `whole`, and a line of totals for each thing counted."""
    sizes = _sizes(shaped)
    at = ", ".join(f"{name} = {value}" for name, value in sizes.items())
    table = new_table()
    table.add_column("Layer", overflow="fold", min_width=8)
    table.add_column("Type", overflow="fold", min_width=6)
    table.add_column("Output", overflow="fold", min_width=10)
    table.add_column("Parameters", justify="right", no_wrap=True)
    table.add_column("FLOPs", justify="right", no_wrap=True)
    for name, type_ in shaped.inputs.items():
        table.add_row(name, "input", str(type_), "", "", style="dim")
    rows = list(_rows(shaped.layers, sizes))
    for row in rows if whole else _folded(rows):
        table.add_row(*_cells(row), style="bold" if row.block else "")
    yield table
    yield ""
    yield from _totals(shaped, rows, at)


def _totals(shaped: ShapedGraph, rows: Sequence[Row], at: str) -> Iterator[Text]:
    from graphspec.shapes.dims import range_text

    leaves = [row for row in rows if not row.block]
    parameters = sum(row.parameters for row in leaves)
    frozen = sum(layer.parameter_count for layer in shaped.layers if layer.freeze)
    outputs = ", ".join(f"{name}: {type_}" for name, type_ in shaped.output_types.items())
    yield Text(f"Outputs     {outputs}")
    if bounded := [range_text(name, *ends) for name, ends in shaped.dims.items() if ends != (1, None)]:
        yield Text(f"Sizes       {', '.join(bounded)}")
    yield Text(
        f"Parameters  {parameters:,} ({size(4 * parameters)} in float32{f', {frozen:,} frozen' if frozen else ''})"
    )
    yield Text(
        f"FLOPs       {short(sum(row.flops for row in leaves))}{f' for {at}' if at else ''}; a multiply-add counts 2"
    )


def _rows(layers: Sequence[ShapedLayer], sizes: dict[str, int]) -> Iterator[Row]:
    """A row per layer in execution order, each block's own row before those inside it."""
    from graphspec.spec.names import enclosing

    groups: dict[str, list[ShapedLayer]] = {}
    for layer in layers:
        for prefix in enclosing(layer.name):
            groups.setdefault(prefix, []).append(layer)
    opened: set[str] = set()
    for layer in layers:
        for prefix in enclosing(layer.name):
            if prefix not in opened:
                opened.add(prefix)
                yield _block_row(prefix, groups[prefix], sizes)
        shared = layer.module != layer.name
        type_ = f"{layer.type} (= {layer.module})" if shared else layer.type
        yield Row(layer.name, type_, _output(layer), layer.parameter_count, _number(layer.flops, sizes))


def _block_row(prefix: str, inside: Sequence[ShapedLayer], sizes: dict[str, int]) -> Row:
    parameters = sum(layer.parameter_count for layer in inside)
    flops = sum(_number(layer.flops, sizes) for layer in inside)
    return Row(prefix, _block_type(prefix, inside), _output(inside[-1]), parameters, flops, block=True)


def _block_type(prefix: str, inside: Sequence[ShapedLayer]) -> str:
    """The block's name in the spec, known where it has a layer of its own: that layer stands in ``[blocks.NAME]``."""
    own = [layer for layer in inside if layer.name.count(".") == prefix.count(".") + 1 and layer.at[:1] == ("blocks",)]
    return str(own[0].at[1]) if own else ""


def _folded(rows: list[Row]) -> list[Row]:
    """At most about 120 rows: the deepest level that fits, or head and tail where even the top level does not."""
    depths = sorted({row.depth for row in rows}, reverse=True)
    for depth in depths:
        kept = [row for row in rows if row.depth <= depth]
        if len(kept) <= MOST_ROWS:
            return kept
    left = kept[_HEAD:-_TAIL]
    inside = sum(row.parameters for row in left), sum(row.flops for row in left)
    gap = Row(f"… {len(left):,} more", "", "(--all shows them)", *inside)
    return [*kept[:_HEAD], gap, *kept[-_TAIL:]]


def _cells(row: Row) -> tuple[str, ...]:
    name = "  " * row.depth + row.name.rpartition(".")[2]
    return (
        name,
        row.type,
        row.output,
        f"{row.parameters:,}" if row.parameters else "",
        short(row.flops) if row.flops else "",
    )


def _output(layer: ShapedLayer) -> str:
    return "\n".join(str(type_) for type_ in layer.outputs.values())


def _sizes(shaped: ShapedGraph) -> dict[str, int]:
    """The size of each dynamic dim for counting FLOPs: 1 for the batch, a typical one elsewhere, within its bounds."""
    batch = {str(type_.shape[0]) for type_ in shaped.inputs.values() if type_.shape}
    sizes = {}
    for name, (least, greatest) in shaped.dims.items():
        wanted = 1 if batch == {name} else _TYPICAL_SIZE
        sizes[name] = max(least, min(wanted, greatest if greatest is not None else wanted))
    return sizes


def _number(dim: Dim, sizes: dict[str, int]) -> int:
    if isinstance(dim, int):
        return dim
    return int(dim.subs({symbol: sizes[str(symbol)] for symbol in dim.free_symbols}))
