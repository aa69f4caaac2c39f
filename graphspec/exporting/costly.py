"""Networks that spend so much on one sample that they are shown few, and the batch that is shown first."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from graphspec.exporting.sampler import Sampler, size_of
from graphspec.shapes.shaped import ShapedGraph

#: A network with more floating-point operations for one sample than this has its families on fewer rows.
COSTLY_FLOPS = 5e8
#: The magnitudes in the rows of :func:`joint_batch`, and the seed of the first.
JOINT, JOINT_SEED = (1.0, 10.0), 11

#: Floating-point operations in the time in which torch follows the sizes of one layer: a third of those measured.
FOLLOWED_FLOPS = 2e7


def is_costly(shaped: ShapedGraph, sizes: Mapping[str, int]) -> bool:
    """Whether one sample takes more than `COSTLY_FLOPS`, the other open dims at `sizes`."""
    batch = batch_dim(shaped)
    one = {**sizes, **({batch: 1} if batch else {})}
    return work(shaped, one) > COSTLY_FLOPS


def is_sooner_followed(shaped: ShapedGraph, sizes: Mapping[str, int]) -> bool:
    """Whether at `sizes` it takes less time to follow the sizes of all layers than to compute their values."""
    return work(shaped, sizes) > FOLLOWED_FLOPS * len(shaped.layers)


def work(shaped: ShapedGraph, sizes: Mapping[str, int]) -> int:
    """Floating-point operations at `sizes`."""
    return sum(size_of(layer.flops, sizes) for layer in shaped.layers)


def batch_dim(shaped: ShapedGraph) -> str | None:
    """The dim that every input and every output has first, and nowhere else, if there is one."""
    shapes = [kind.shape for kind in [*shaped.inputs.values(), *shaped.output_types.values()]]
    first = {str(shape[0]) if shape else "" for shape in shapes}
    name = first.pop()
    others = (dim for shape in shapes for dim in shape[1:] if not isinstance(dim, int))
    repeated = any(name == str(symbol) for dim in others for symbol in dim.free_symbols)
    return name if not first and not repeated and name in shaped.dims else None


def joint_batch(shaped: ShapedGraph, sampler: Sampler) -> dict[str, Tensor] | None:
    """The batch of a costly network, one row for each magnitude of `JOINT`; None for another, and where none fits."""
    batch = batch_dim(shaped)
    if batch is None or not is_costly(shaped, sampler.sizes):
        return None
    least, most = shaped.dims[batch]
    if least > 1 or len(JOINT) > (most or len(JOINT)):
        return None
    rows = [sampler.draw({**sampler.sizes, batch: 1}, scale, JOINT_SEED + k) for k, scale in enumerate(JOINT)]
    return {name: torch.cat([row[name] for row in rows]) for name in rows[0]}
