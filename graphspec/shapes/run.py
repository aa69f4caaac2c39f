"""The shapes that come out of a layer, by running it on tensors without data."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import sympy

from graphspec.ops import Op
from graphspec.shapes import numbers, recurrent
from graphspec.shapes.call import FrozenDim, Run, Types
from graphspec.shapes.dims import SizeExpr


def run(op: Op, arguments: Mapping[str, Any], operands: Mapping[str, Any], types: Types) -> Run:
    """Construct the layer and call it. `operands` hold ValueRefs, whose types are in `types`, and constants.

    With at most one dynamic dim numbers do, which is fast; otherwise symbols, and numbers again for a layer that fixes
    one of them.

    Raises:
        FrozenDim: a dynamic dim would have to be a number.
        Refused: torch objects to the arguments or shapes.
    """
    if recurrent.is_recurrent(op):
        return recurrent.run(op, arguments, operands, types)
    names = _dims_of(operands, types)
    if len(names) <= 1:
        with contextlib.suppress(FrozenDim):
            return numbers.run(op, arguments, operands, types, names)
    # imported here: torch's symbolic shapes cost a second, which most networks can spare
    from graphspec.shapes import symbolic

    try:
        return symbolic.run(op, arguments, operands, types, names)
    except FrozenDim:
        return numbers.run(op, arguments, operands, types, names)


def _dims_of(operands: Mapping[str, Any], types: Types) -> list[str]:
    """The names of all dynamic dims in sight, sorted."""
    found = {dim for kind in types.values() for dim in kind.shape if isinstance(dim, sympy.Expr)}
    sizes = [item for value in operands.values() for item in (value if isinstance(value, list | tuple) else [value])]
    found |= {size.dim for size in sizes if isinstance(size, SizeExpr)}
    return sorted({str(free) for dim in found for free in dim.free_symbols})
