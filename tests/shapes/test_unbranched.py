"""The layers that are run on a few numbers alone: their sizes are what those show at every other size, too."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from graphspec.ops import lookup, names
from graphspec.ops.functions import FUNCTIONS
from graphspec.shapes import numbers
from graphspec.shapes.dims import symbol
from graphspec.shapes.shaped import TensorType, ValueRef
from graphspec.shapes.unbranched import ANYWHERE, EACH_SAMPLE, ON_ONE_DIM, is_unbranched, sizes_of

from ..ops.test_every_op import TABLE, concrete, shaped

#: 1 and 2 are what torch's branches ask for; the others are even, odd, prime, powers and beyond a thousand.
SIZES = (1, 2, 3, 4, 7, 12, 13, 16, 25, 31, 64, 127, 1000, 4096)
LISTED = sorted(ANYWHERE | EACH_SAMPLE | ON_ONE_DIM | {name for name, entry in FUNCTIONS.items() if entry.sizes})


def test_the_tables_name_layers_of_the_vocabulary() -> None:
    assert set(LISTED) <= set(names())


@pytest.mark.parametrize("name", [name for name in LISTED if name in TABLE])
def test_sizes_are_those_of_a_run_at_every_size(name: str) -> None:
    """Each dynamic dim alone, and all together; the shapes are from graphspec, the runs on the meta device."""
    inputs, arguments = TABLE[name]
    if sizes_of(lookup(name)) != "anywhere":
        inputs = [
            " ".join({"H": "16", "W": "18", "L": "20"}.get(size, size) for size in text.split()) for text in inputs
        ]
    graph = shaped(name, [*inputs], arguments)
    layer = next(layer for layer in graph.layers if layer.name == "y")
    types = {ref: graph.type_of(ref) for ref in _values(layer.operands)}
    symbols = sorted({free for kind in types.values() for dim in kind.shape for free in _symbols(dim)}, key=str)
    assert is_unbranched(layer.op, layer.arguments, layer.operands, types)
    tables = [dict.fromkeys(symbols, 5) | {symbol: size} for symbol in symbols for size in SIZES]
    for table in [*tables, *(dict.fromkeys(symbols, size) for size in SIZES[:6])]:
        result = numbers.result_at(layer.op, layer.arguments, layer.operands, types, table)
        sizes = {str(symbol): size for symbol, size in table.items()}
        found = {index: [*value.shape] for index, value in result.outputs.items()}
        assert found == {index: concrete(kind, sizes) for index, kind in layer.outputs.items()}, table
        assert [value.dtype for value in result.outputs.values()] == [kind.dtype for kind in layer.outputs.values()]


def _values(operands: Any) -> list[Any]:
    flat = [item for value in operands.values() for item in (value if isinstance(value, list | tuple) else [value])]
    return [item for item in flat if hasattr(item, "layer")]


def _symbols(dim: Any) -> Any:
    return () if isinstance(dim, int) else dim.free_symbols


@pytest.mark.parametrize("name", ["PixelUnshuffle", "Unfold", "slice", "chunk", "MaxPool2d", "Conv2d", "narrow"])
def test_a_dynamic_dim_that_they_act_on_is_followed_along_branches(name: str) -> None:
    op = lookup(name)
    arguments = {key: value for key, value in TABLE[name][1].items() if key in op.arguments}
    operands = {key: value for key, value in TABLE[name][1].items() if key in op.options}
    kind = TensorType((symbol("N"), 4, symbol("H"), symbol("W")), torch.float32)
    given = {next(iter(op.ports)).name: ValueRef("x"), **operands, **({"dim": 2} if "dim" in op.options else {})}
    assert not is_unbranched(op, arguments, given, {ValueRef("x"): kind})
