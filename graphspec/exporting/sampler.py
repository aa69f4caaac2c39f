"""Inputs that a module accepts: at which sizes of its dynamic dims, and which ids its integer inputs take."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn

from graphspec.compiler import Network
from graphspec.diagnostics import GraphspecError, fail
from graphspec.exporting.layer_map import failing_layer
from graphspec.shapes.dims import Dim
from graphspec.shapes.shaped import ShapedGraph, TensorType
from graphspec.spec.dims import GREATEST
from graphspec.system.quiet import quiet
from graphspec.system.torch_private.fake import FakeTensorMode

#: Sizes tried for a dynamic dim; the first that the module accepts is its ordinary size.
LADDER = (4, 8, 16, 32, 64, 128, 224, 256, 512)
#: An integer input that takes every id below this is no index; it gets ids below `UNBOUNDED`.
MOST_IDS = 1 << 20
UNBOUNDED = 100
#: What torch's layers raise on inputs that they do not take.
REFUSALS = (RuntimeError, ValueError, IndexError, AssertionError)


def size_of(dim: Dim, sizes: Mapping[str, int]) -> int:
    """The number that `dim` is when the named dims have `sizes`."""
    return dim if isinstance(dim, int) else int(dim.subs({symbol: sizes[str(symbol)] for symbol in dim.free_symbols}))


@dataclasses.dataclass(frozen=True, slots=True)
class Sampler:
    """Draws seeded inputs. ``limits``: exclusive upper bounds of integer inputs; ``sizes``: the ordinary sizes.

    ``divisors`` are the integer inputs that the network divides by, which are never 0.
    """

    inputs: Mapping[str, TensorType]
    sizes: Mapping[str, int]
    limits: Mapping[str, int]
    divisors: frozenset[str] = frozenset()

    @classmethod
    def of(cls, network: Network) -> Sampler:
        """Ask a network, whose module is in eval mode on the CPU, which sizes and ids it accepts: it is run on few."""
        module, shaped = network.module, network.shaped
        inputs = shaped.inputs
        ones = dict.fromkeys(inputs, 1)
        sizes = next((s for s in _candidates(shaped) if accepts(module, cls(inputs, s, ones).draw(s))), None)
        divisors: frozenset[str] = frozenset()
        if sizes is None:
            sizes, divisors = _dividing(module, inputs, _candidates(shaped))
        if sizes is None:
            raise _refusing(network, cls(inputs, next(_candidates(shaped)), ones))
        few = cls(inputs, sizes, ones, divisors)
        limits = {name: _limit(module, few, name) for name, kind in inputs.items() if is_integer(kind)}
        return cls(inputs, sizes, limits, divisors)

    def draw(self, sizes: Mapping[str, int] | None = None, scale: float = 1.0, seed: int = 0) -> dict[str, Tensor]:
        """One tensor per input: seeded normals × `scale`, ids below their limit, fair coins; `scale` 0 gives zeros."""
        generator = torch.Generator().manual_seed(seed)
        return {name: self._tensor(name, sizes or self.sizes, scale, generator) for name in self.inputs}

    def least(self, name: str) -> int:
        """The least id of the integer input `name`."""
        return int(name in self.divisors)

    def _tensor(self, name: str, sizes: Mapping[str, int], scale: float, generator: torch.Generator) -> Tensor:
        kind = self.inputs[name]
        shape = [size_of(dim, sizes) for dim in kind.shape]
        if kind.dtype.is_floating_point:
            return (torch.randn(shape, generator=generator) * scale).to(kind.dtype)
        high = 2 if kind.dtype == torch.bool else self.limits.get(name, 1)
        ids = torch.randint(high, shape, generator=generator) if scale else torch.zeros(shape, dtype=torch.int64)
        return ids.clamp(min=self.least(name)).to(kind.dtype)


def _dividing(
    module: nn.Module, inputs: Mapping[str, TensorType], candidates: Iterable[dict[str, int]]
) -> tuple[dict[str, int] | None, frozenset[str]]:
    """Sizes at which the network runs where its whole numbers are not 0, and which of them may not be."""
    whole, ones = frozenset(name for name, kind in inputs.items() if is_integer(kind)), dict.fromkeys(inputs, 1)

    def runs(sizes: dict[str, int], divisors: frozenset[str]) -> bool:
        return accepts(module, Sampler(inputs, sizes, ones, divisors).draw())

    sizes = next((sizes for sizes in candidates if runs(sizes, whole)), None) if whole else None
    return sizes, frozenset(name for name in whole if sizes and not runs(sizes, whole - {name}))


def _refusing(network: Network, sampler: Sampler) -> GraphspecError:
    """What a network that accepts none of the sizes tried refuses them with, at the layer that does."""
    module, values = network.module, sampler.draw().values()
    layer, error = failing_layer(network, lambda: module(*values))
    if layer is None:
        return fail("not-exportable", "the network accepts none of the sizes tried for its dynamic dims", ("inputs",))
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return fail("not-exportable", f"{layer} accepts no size that was tried: {reason}", layer.at)


def is_integer(kind: TensorType) -> bool:
    """Whether values of `kind` are ids or counts."""
    return not kind.dtype.is_floating_point and kind.dtype != torch.bool


def accepts(module: nn.Module, inputs: Mapping[str, Tensor], computed: bool = True) -> bool:
    """Whether `module` runs on `inputs`; without being `computed` only their sizes and dtypes are followed."""
    mode = None if computed else FakeTensorMode(allow_non_fake_inputs=True)
    try:
        with torch.no_grad(), quiet(), mode or contextlib.nullcontext():
            module(*(value if mode is None else mode.from_tensor(value) for value in inputs.values()))
    except REFUSALS:
        return False
    return True


def _candidates(shaped: ShapedGraph) -> Iterator[dict[str, int]]:
    """Sizes to try, least first, those at which no value's dim collapses to 1 before the others."""
    ladders = list(dict.fromkeys(_sizes(shaped.dims)))
    yield from sorted((dict(sizes) for sizes in ladders), key=lambda sizes: not _spacious(shaped, sizes))


def _sizes(dims: Mapping[str, tuple[int, int | None]]) -> Iterator[tuple[tuple[str, int], ...]]:
    """The first dim (the batch, as a rule) small and all sizes distinct; then the others equal; then all equal."""
    names = list(dims)
    for rung in LADDER:
        yield _bounded(dims, {name: 2 if k == 0 else rung + k for k, name in enumerate(names)})
        yield _bounded(dims, {name: 2 if k == 0 else rung for k, name in enumerate(names)})
    for rung in LADDER:
        yield _bounded(dims, dict.fromkeys(names, rung))


def _bounded(dims: Mapping[str, tuple[int, int | None]], sizes: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """`sizes`, counted from the least one on: at the ends of its range a network may do what it does nowhere else."""
    return tuple((name, min(least - 1 + sizes[name], most or GREATEST)) for name, (least, most) in dims.items())


def _spacious(shaped: ShapedGraph, sizes: Mapping[str, int]) -> bool:
    dims = itertools.chain.from_iterable(kind.shape for layer in shaped.layers for kind in layer.outputs.values())
    return all(size_of(dim, sizes) > 1 for dim in set(_expressions(dims)))


def _expressions(dims: Iterable[Dim]) -> Iterator[Dim]:
    return (dim for dim in dims if not isinstance(dim, int))


def _limit(module: nn.Module, sampler: Sampler, name: str) -> int:
    """The exclusive upper bound of ids at input `name`, found by bisection: an index layer refuses what lies beyond."""

    def accepted(most: int) -> bool:
        inputs = sampler.draw()
        return accepts(module, inputs | {name: torch.full_like(inputs[name], most)})

    greatest = min(MOST_IDS, torch.iinfo(sampler.inputs[name].dtype).max)
    if accepted(greatest):
        return min(UNBOUNDED, greatest)
    low, high = 0, greatest
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if accepted(middle) else (low, middle)
    return low + 1
