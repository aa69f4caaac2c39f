"""How much memory a runtime needs for a network, so that a stranger's file gets little more."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from torch import Tensor

from graphspec.exporting.sampler import size_of
from graphspec.shapes.shaped import ShapedGraph, TensorType

#: The file's weights are there as read, as parsed, as optimised, and as packed for the processor's kernels.
COPIES = 4
#: Values of one layer beside which a runtime may have unfolded ones (a convolution as a product of matrices).
UNFOLDED = 3
#: Bytes of the widest number.
WIDEST = 8


def needed_memory(shaped: ShapedGraph, cases: Iterable[Mapping[str, Tensor]]) -> int:
    """Bytes, at most, that a runtime has use for on the largest of `cases`: all weights, and what every layer gives."""
    largest = max(cases, key=lambda inputs: sum(tensor.numel() for tensor in inputs.values()), default={})
    sizes = sizes_of(shaped, largest)
    kinds = [kind for layer in shaped.layers for kind in layer.outputs.values()]
    return WIDEST * (COPIES * shaped.parameter_count + UNFOLDED * sum(_elements(kind, sizes) for kind in kinds))


def sizes_of(shaped: ShapedGraph, inputs: Mapping[str, Tensor]) -> dict[str, int]:
    """The sizes of the dims at `inputs`, as far as they tell."""
    found: dict[str, int] = {}
    for name, tensor in inputs.items():
        for dim, size in zip(shaped.inputs[name].shape, tensor.shape, strict=True):
            if not isinstance(dim, int) and len(dim.free_symbols) == 1:
                (symbol,) = dim.free_symbols
                found[str(symbol)] = size // max(1, int(dim.subs(symbol, 1)))  # a dim of an input is a multiple
    return found


def _elements(kind: TensorType, sizes: Mapping[str, int]) -> int:
    known = [dim for dim in kind.shape if isinstance(dim, int) or {str(s) for s in dim.free_symbols} <= sizes.keys()]
    return math.prod(max(1, size_of(dim, sizes)) for dim in known)
