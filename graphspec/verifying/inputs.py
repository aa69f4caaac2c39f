"""The inputs on which a file must agree with its module: several magnitudes, sizes, ids, and real data where known."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from graphspec.exporting.sampler import Sampler, accepts, size_of
from graphspec.shapes.shaped import ShapedGraph

SCALES = (0.1, 1.0, 10.0)
#: Tried only where no case of `SCALES` is conclusive: a network may saturate on all of those.
FURTHER_SCALES = (0.01, 0.001, 100.0, 10_000.0)
#: Every id of an integer input is used once, where all inputs together then have at most this many elements.
MOST_ELEMENTS = 1 << 14
MOST_ROWS = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One input. Cases of one `family` have elements of one distribution, so they share an estimate of rounding."""

    name: str
    family: str
    inputs: Mapping[str, Tensor]


def cases(module: nn.Module, shaped: ShapedGraph, sampler: Sampler, sample: Mapping[str, Tensor] | None) -> list[Case]:
    """Every case that `module` accepts, in an order that never changes."""
    made = [*_families(sampler), *_real(shaped, sample), *_sizes(shaped, sampler), *_every_id(sampler)]
    first = made[1]
    made += _alone(shaped, first)
    kept = [case for case in made if accepts(module, case.inputs)]
    return [*kept, dataclasses.replace(first, name=f"{first.name}, again")]


def further_cases(module: nn.Module, sampler: Sampler) -> list[Case]:
    """Cases for a network that saturates on the ordinary ones."""
    made = [_normal(sampler, scale) for scale in FURTHER_SCALES]
    return [case for case in made if accepts(module, case.inputs)]


def _normal(sampler: Sampler, scale: float, sizes: Mapping[str, int] | None = None, seed: int = 10) -> Case:
    family = f"normal × {scale:g}"
    name = family + "".join(f", {dim} = {size}" for dim, size in (sizes or {}).items())
    return Case(name, family, sampler.draw({**sampler.sizes, **(sizes or {})}, scale, seed))


def _families(sampler: Sampler) -> list[Case]:
    return [*(_normal(sampler, scale) for scale in SCALES), Case("zeros", "zeros", sampler.draw(scale=0.0))]


def _sizes(shaped: ShapedGraph, sampler: Sampler) -> Iterator[Case]:
    """Each dynamic dim at 1, 2, 3, one less than its ordinary size and about twice that, the others as ordinary."""
    for name, (least, most) in shaped.dims.items():
        ordinary = sampler.sizes[name]
        for k, size in enumerate(sorted({1, 2, 3, ordinary - 1, 2 * ordinary + 1} - {0, ordinary})):
            if least <= size <= (most or size):
                yield _normal(sampler, 1.0, {name: size}, seed=20 + k)


def _real(shaped: ShapedGraph, sample: Mapping[str, Tensor] | None) -> Iterator[Case]:
    if sample:
        batch = batch_dim(shaped)
        rows = {name: tensor[:MOST_ROWS] if batch else tensor for name, tensor in sample.items()}
        yield Case("real data", "real data", rows)


def _alone(shaped: ShapedGraph, case: Case) -> Iterator[Case]:
    """The first sample of `case` by itself: what it gives in a batch it must give alone."""
    if batch_dim(shaped):
        yield Case(f"{case.name}, one sample alone", case.family, {n: tensor[:1] for n, tensor in case.inputs.items()})


def batch_dim(shaped: ShapedGraph) -> str | None:
    """The dim that every input and every output has first, if there is one."""
    first = {
        str(kind.shape[0]) if kind.shape else "" for kind in [*shaped.inputs.values(), *shaped.output_types.values()]
    }
    name = first.pop()
    return name if not first and name in shaped.dims else None


def _every_id(sampler: Sampler) -> Iterator[Case]:
    """Each id of each integer input at least once: a fault in one row of an embedding shows nowhere else."""
    for name, limit in sampler.limits.items():
        shape = sampler.inputs[name].shape
        dims = [str(dim) for dim in shape if not isinstance(dim, int)]
        if not dims:
            continue
        per_row = math.prod(size_of(dim, sampler.sizes) for dim in shape) // sampler.sizes[dims[0]]
        sizes = {**sampler.sizes, dims[0]: math.ceil(limit / per_row)}
        kinds = sampler.inputs.values()
        if sum(math.prod(size_of(dim, sizes) for dim in kind.shape) for kind in kinds) > MOST_ELEMENTS:
            continue
        inputs = sampler.draw(sizes)
        ids = inputs[name].flatten()
        ids = (ids.new_ones(ids.numel()).cumsum(0) - 1) % limit
        yield Case(
            f"every id of {name}", "every id", inputs | {name: ids.reshape(inputs[name].shape).to(inputs[name].dtype)}
        )
