"""The inputs on which a file must agree with its module: several magnitudes, sizes, ids, and real data where known."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Iterator, Mapping

import torch
from torch import Tensor

from graphspec.exporting.costly import JOINT, batch_dim, is_costly, joint_batch, work
from graphspec.exporting.sampler import UNBOUNDED, Sampler, size_of
from graphspec.shapes.shaped import ShapedGraph

SCALES = (0.1, 1.0, 10.0)
#: Tried only where no case of `SCALES` is conclusive: a network may saturate on all of those.
FURTHER_SCALES = (0.01, 0.001, 100.0, 10_000.0)
#: And these, for a network that takes a logarithm or a root of its inputs: positive, and above one.
POSITIVE: dict[str, Callable[[Tensor], Tensor]] = {
    "positive × 0.1": lambda values: values.abs() * 0.1,
    "positive × 1": torch.Tensor.abs,
    "positive × 10": lambda values: values.abs() * 10,
    "above 1": lambda values: values.abs() + 1,
}
#: And these among its inputs, for a network that asks for them (``isnan``, ``eq other = 0``) and gives no floats.
SPECIAL = {"with zeros": (0.0, 1.0), "with NaN and infinities": (math.nan, math.inf, -math.inf, 0.0)}
#: Every id of an integer input is used once, where all inputs together then have at most this many elements, and the
#: network takes at most this many floating-point operations.
MOST_ELEMENTS = 1 << 20
MOST_FLOPS = 2e10
#: A size of every open dim, that of the largest batch too: as many rows see, for one, what a unit does that ReLU holds
#: at zero on most of them.
ODD_SIZE = 17
MOST_ROWS = 8
#: What bounds are called by the layers that have some; a greater one than the second is no bound that is reached.
BOUNDS = ("min_val", "max_val", "min", "max", "threshold", "lambd", "other", "clip")
MOST_BOUND = 1e6
#: The greatest size of a dim is a case up to this.
LONGEST = 1024
#: Real rows that a costly network is shown.
COSTLY_ROWS = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One input. Cases of one `family` have elements of one distribution, so they share an estimate of rounding.

    The inputs of a case `within` another are the first rows of that one's: what a network that treats each sample by
    itself gives for them is known with it. One with a `row` is that row of the other, and only that one is run.
    """

    name: str
    family: str
    inputs: Mapping[str, Tensor]
    within: Case | None = None
    row: int | None = None

    @property
    def run(self) -> Case:
        """The case that is run to know this one's outputs."""
        return self if self.within is None or self.row is None else self.within

    @property
    def alone(self) -> Case:
        """The same inputs as a case that is run by itself."""
        return dataclasses.replace(self, within=None, row=None)


def cases(shaped: ShapedGraph, sampler: Sampler, sample: Mapping[str, Tensor] | None) -> list[Case]:
    """Every case, in an order that never changes; the network may be too small for some, and refuse them.

    Each magnitude of `SCALES`, zeros, real rows of `sample`, every open dim at several sizes including 1, every id, and
    one case twice. A costly network has one row of each magnitude, two of them in one batch, `COSTLY_ROWS` real rows,
    no batch but these, nothing twice, for several cases are of one size, and of other dims no size between the least
    and one more than the ordinary: it spends its operations on many places of a sample, which are as many rows.
    """
    costly, batch, few = is_costly(shaped, sampler.sizes), batch_dim(shaped), _few(shaped, sampler)
    sizes = {name: _sizes(shaped, sampler, name, name == batch, costly) for name in shaped.dims}
    largest = {batch: max(1, sampler.sizes[batch], *sizes[batch])} if batch else {}
    whole = _normal(sampler, 1.0, sampler.sizes, largest)  # the other batches of its magnitude are its first rows
    ordinary = whole if batch is None else _head(whole, sampler.sizes[batch], "normal × 1")
    plain = {scale: _normal(sampler, scale, few, seed=10 + k) for k, scale in enumerate((*SCALES, *_beyond(shaped)))}
    joint = joint_batch(shaped, sampler)
    plain |= {1.0: ordinary} if joint is None else dict(zip(JOINT, _rows(joint), strict=True))
    made = [*plain.values(), Case("zeros", "zeros", sampler.draw(few, scale=0.0))]
    made += _real(batch, sample, COSTLY_ROWS if costly else MOST_ROWS)
    for name in shaped.dims:
        for k, size in enumerate(sizes[name]):
            if name == batch:
                made.append(_head(whole, size, f"{ordinary.name}, {name} = {size}"))
            else:
                made.append(_normal(sampler, 1.0, few, {name: size}, seed=20 + k))
    made += [*_every_id(shaped, sampler), *_named_ids(shaped, sampler)]
    again = ordinary if joint is None else None
    return [*made, dataclasses.replace(again, name=f"{again.name}, again", within=again)] if again else made


def further_cases(shaped: ShapedGraph, sampler: Sampler, finite: bool = False) -> list[Case]:
    """Cases for a network that saturates on the ordinary ones, or gives no numbers there: a costly one that is `finite`
    there gets no positive ones, which are for roots and logarithms.

    One of floats that gives whole numbers or truth values alone may ask for zeros, NaN and infinities among them.
    """
    few = _few(shaped, sampler)
    made = [_normal(sampler, scale, few) for scale in FURTHER_SCALES]
    if any(kind.dtype.is_floating_point for kind in shaped.inputs.values()) and not (
        finite and is_costly(shaped, sampler.sizes)
    ):
        drawn = [(name, change, sampler.draw(few, seed=30 + k)) for k, (name, change) in enumerate(POSITIVE.items())]
        made += [
            Case(name, name, {key: change(v) if v.is_floating_point() else v for key, v in inputs.items()})
            for name, change, inputs in drawn
        ]
        if not any(kind.dtype.is_floating_point for kind in shaped.output_types.values()):
            made += [_with_special(sampler, name, few) for name in SPECIAL]
    return made


def _with_special(sampler: Sampler, name: str, sizes: Mapping[str, int]) -> Case:
    """Normals of which about half are one of the numbers `name` of `SPECIAL`."""
    inputs, generator = sampler.draw(sizes, seed=50), torch.Generator().manual_seed(50)
    numbers = torch.tensor(SPECIAL[name])
    for key, value in inputs.items():
        if value.is_floating_point():
            chosen = numbers[torch.randint(len(numbers), value.shape, generator=generator)].to(value.dtype)
            inputs[key] = torch.where(torch.rand(value.shape, generator=generator) < 0.5, chosen, value)
    return Case(name, name, inputs)


def _few(shaped: ShapedGraph, sampler: Sampler) -> dict[str, int]:
    """The ordinary sizes, with the smallest batch where the network is costly."""
    batch = batch_dim(shaped)
    smallest = {batch: max(1, shaped.dims[batch][0])} if batch and is_costly(shaped, sampler.sizes) else {}
    return {**sampler.sizes, **smallest}


def _normal(
    sampler: Sampler, scale: float, sizes: Mapping[str, int], changed: Mapping[str, int] | None = None, seed: int = 10
) -> Case:
    family = f"normal × {scale:g}"
    name = family + "".join(f", {dim} = {size}" for dim, size in (changed or {}).items())
    return Case(name, family, sampler.draw({**sizes, **(changed or {})}, scale, seed))


def _rows(joint: Mapping[str, Tensor]) -> list[Case]:
    """Each row of the batch with the magnitudes `JOINT`."""
    whole = Case("several magnitudes", "several magnitudes", joint)
    names = [f"normal × {scale:g}" for scale in JOINT]
    rows = [{name: tensor[k : k + 1] for name, tensor in joint.items()} for k in range(len(names))]
    return [Case(name, name, inputs, whole, k) for k, (name, inputs) in enumerate(zip(names, rows, strict=True))]


def _head(whole: Case, rows: int, name: str) -> Case:
    """The first `rows` of `whole`, or all of it where it has no more."""
    inputs = {name: tensor[:rows] for name, tensor in whole.inputs.items()}
    same = all(len(tensor) == rows for tensor in whole.inputs.values())
    return Case(name, whole.family, whole.inputs if same else inputs, whole)


def _sizes(shaped: ShapedGraph, sampler: Sampler, name: str, batch: bool, costly: bool) -> list[int]:
    """The three least sizes of a dim and its greatest, one less than the ordinary, and about twice that or a batch.

    `ODD_SIZE` stands for the whole batch, and beside twice the size. Where the network is `costly`, fewer of them.
    """
    (least, most), ordinary = shaped.dims[name], sampler.sizes[name]
    if costly:
        wanted = set() if batch else {least, least + 1, least + 2, ordinary + 1}
    else:
        greatest = {max(ODD_SIZE, ordinary + 1)} if batch else {2 * ordinary + 1, ODD_SIZE}
        ends = {least, least + 1, least + 2, *([most] if most and most <= LONGEST else [])}
        wanted = {*ends, ordinary - 1, *greatest}
    return [k for k in sorted(wanted - {0, ordinary}) if least <= k <= (most or k)]


def _real(batch: str | None, sample: Mapping[str, Tensor] | None, rows: int) -> Iterator[Case]:
    if sample:
        yield Case("real data", "real data", {n: tensor[:rows] if batch else tensor for n, tensor in sample.items()})


def _every_id(shaped: ShapedGraph, sampler: Sampler) -> Iterator[Case]:
    """Each id of each integer input at least once: a fault in one row of an embedding shows nowhere else."""
    for name, limit in sampler.limits.items():
        shape = sampler.inputs[name].shape
        dims = [str(symbol) for dim in shape if not isinstance(dim, int) for symbol in dim.free_symbols]
        if not dims:
            continue
        per_row = math.prod(size_of(dim, sampler.sizes) for dim in shape) // sampler.sizes[dims[0]]
        sizes = {**sampler.sizes, dims[0]: math.ceil(limit / per_row)}
        if not _within(sizes, shaped):
            continue
        if work(shaped, sizes) > MOST_FLOPS or _elements(shaped, sizes) > MOST_ELEMENTS:
            continue
        inputs = sampler.draw(sizes)
        ids = inputs[name].flatten()
        least = sampler.least(name)
        ids = least + (ids.new_ones(ids.numel()).cumsum(0) - 1) % max(1, limit - least)
        yield Case(
            f"every id of {name}", "every id", inputs | {name: ids.reshape(inputs[name].shape).to(inputs[name].dtype)}
        )


def _named_ids(shaped: ShapedGraph, sampler: Sampler) -> Iterator[Case]:
    """Of each integer input, the numbers that a layer's arguments name, an id for padding say, and their neighbours."""
    named = {int(number) for number in _numbers(shaped) if float(number).is_integer()}
    wanted = {number + step for number in (0, 1, 2, *named) for step in (-1, 0, 1)}
    for name, limit in sampler.limits.items():
        kind = torch.iinfo(sampler.inputs[name].dtype)
        zero = {0} if sampler.least(name) else set[int]()
        inside = sorted(number for number in wanted - zero if 0 <= number < limit)
        outside = sorted(number for number in wanted - zero if kind.min <= number <= kind.max)
        for title, ids in {"named ids": inside, "named numbers": outside if limit == UNBOUNDED else []}.items():
            inputs = sampler.draw(seed=40)
            places = torch.arange(inputs[name].numel())
            for start in range(0, len(ids), max(1, len(places))) if len(places) else ():
                drawn = torch.tensor(ids)[(start + places) % len(ids)].reshape(inputs[name].shape)
                told = f"{title} of {name}" + (f", from {ids[start]}" if start else "")
                yield Case(told, title, inputs | {name: drawn.to(inputs[name].dtype)})


def _beyond(shaped: ShapedGraph) -> list[float]:
    """A magnitude of inputs that passes every bound that an activation or a clip has, where `SCALES` do not."""
    bounds = [abs(number) for number in _numbers(shaped, BOUNDS) if abs(number) <= MOST_BOUND]
    greatest = max(bounds, default=0.0)
    return [10 * greatest] if greatest > SCALES[-1] / 2 else []


def _numbers(shaped: ShapedGraph, names: Collection[str] | None = None) -> Iterator[float]:
    """The numbers among the layers' arguments and constant operands, of those called `names` where given."""
    for layer in shaped.layers:
        for key, value in {**layer.arguments, **layer.operands}.items():
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if number and (names is None or key in names):
                yield value


def _elements(shaped: ShapedGraph, sizes: Mapping[str, int]) -> int:
    """Elements of the largest value at `sizes`."""
    kinds = [*shaped.inputs.values(), *(kind for layer in shaped.layers for kind in layer.outputs.values())]
    return max(math.prod(size_of(dim, sizes) for dim in kind.shape) for kind in kinds)


def _within(sizes: Mapping[str, int], shaped: ShapedGraph) -> bool:
    return all(least <= sizes[name] <= (most or sizes[name]) for name, (least, most) in shaped.dims.items())
