"""Every way through a layer that its sizes allow, by running it wherever no way that is known leads."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sympy

from graphspec.ops import Op
from graphspec.shapes import numbers
from graphspec.shapes.atoms import Atoms
from graphspec.shapes.call import FrozenDim, Run
from graphspec.shapes.conditions import Ranges, find, negated
from graphspec.shapes.dims import symbol, tidy
from graphspec.shapes.evaluate import value_at
from graphspec.shapes.outcomes import Outcome, may_be_left_out
from graphspec.shapes.shaped import TensorType
from graphspec.shapes.symbolic import Path
from graphspec.shapes.symbolic import run as run_once

#: A layer with more ways through it is not followed.
MOST_PATHS = 128
#: How many samples stand for any number of them.
BATCH = 1013


class Layer:
    """One call of one layer over plain sizes, and the paths through it that are known so far.

    Where it treats each sample by itself it is run on `BATCH` of them; `batch` is the dim that says how many there are.
    """

    def __init__(self, op: Op, arguments: Mapping[str, Any], atoms: Atoms, batch: sympy.Symbol | None) -> None:
        self.op, self.arguments, self.batch = op, arguments, batch
        self.operands = atoms.operands
        self.types = {
            ref: TensorType((BATCH, *kind.shape[1:]), kind.dtype) if batch else kind
            for ref, kind in atoms.types.items()
        }
        self.known: list[Path] = []

    def at(self, sizes: Mapping[sympy.Symbol, int]) -> Path:
        """The path taken at `sizes`, run only where no known one is."""
        plain = {str(name): size for name, size in sizes.items()}
        for path in self.known:
            if all(value_at(condition, plain) for condition in path.conditions):
                return path
        mine = {name: size for name, size in sizes.items() if name != self.batch}
        path = self._with_batch(run_once(self.op, self.arguments, self.operands, self.types, mine))
        self.known.append(path)
        return path

    def _with_batch(self, path: Path) -> Path:
        if self.batch is None:
            return path
        if path.run is None:
            return dataclasses.replace(path, refusal=numbers.readable(path.refusal, {self.batch: BATCH}))
        outputs = {
            index: TensorType((self.batch, *kind.shape[1:]), kind.dtype) for index, kind in path.run.outputs.items()
        }
        flops = path.run.flops * self.batch / BATCH
        return dataclasses.replace(path, run=Run(outputs, path.run.parameters, tidy(flops)))


def follow(layer: Layer, atoms: Atoms, ranges: Ranges) -> list[Outcome]:
    """What the layer comes to along all its paths, for sizes within `ranges`: as long as there are sizes that no path
    covers, it is run on them.

    Raises:
        FrozenDim: the layer makes numbers of its sizes.
        Unreadable: it branches by what is no formula.
    """
    named = {str(free) for real in atoms.real.values() for free in real.free_symbols}
    mine = {name: span for name, span in ranges.items() if name in named}
    found: list[Outcome] = []
    seen: dict[Path, tuple[Any, ...]] = {}
    branches = _Branches(mine)
    sizes: dict[str, int] | None = _ordinary(mine)
    for _ in range(MOST_PATHS):
        if sizes is None:
            return found
        point = {symbol(name): size for name, size in sizes.items()}
        path = layer.at({plain: int(real.subs(point)) for plain, real in atoms.real.items()})
        if path in seen:
            branches.cover(seen[path])
        else:
            seen[path] = kept = branches.add([condition.xreplace(atoms.real) for condition in path.conditions])
            run = atoms.in_real(path.run) if path.run else None
            found.append(Outcome(kept, run, atoms.readable(path.refusal), frozenset(map(symbol, mine))))
            if run is None and kept and not may_be_left_out(found[-1], mine):
                return found
            if _makes_numbers(seen):
                raise FrozenDim
        sizes = branches.uncovered(sizes)
    raise FrozenDim


class _Branches:
    """The branches of the paths seen so far: after which conditions which others came."""

    def __init__(self, ranges: Ranges) -> None:
        self.ranges = ranges
        self._next: dict[tuple[Any, ...], list[Any]] = {}
        self._open: list[tuple[Any, ...]] = []

    def add(self, conditions: Sequence[Any]) -> tuple[Any, ...]:
        """Take a path up; its conditions, without those that hold for all sizes."""
        before: tuple[Any, ...] = ()
        for condition in conditions:
            other = negated(condition)
            if other == sympy.false or find([other], self.ranges) is None:
                continue
            ways = self._next.setdefault(before, [])
            if condition not in ways:
                ways.append(condition)
                self._open.append(before)
            before = (*before, condition)
        return before

    def cover(self, conditions: Sequence[Any]) -> None:
        """Note that a path known from another branch covers the sizes found last."""
        self._next[self._open[-1]].append(sympy.And(*conditions))

    def uncovered(self, sizes: Mapping[str, int]) -> dict[str, int] | None:
        """Sizes that no path covers, as near to `sizes` as is easy; None where all are."""
        while self._open:
            before = self._open[-1]
            there = find([*before, *map(negated, self._next[before])], self.ranges)
            if there is not None:
                return {**sizes, **there}
            self._open.pop()
        return None


def _makes_numbers(paths: Iterable[Path]) -> bool:
    """Whether a layer made a number of one size again and again, so that each size is a path of its own."""
    made = Counter(symbol for symbol, _ in {pair for path in paths for pair in path.frozen})
    return any(count > 4 for count in made.values())


def _ordinary(ranges: Ranges) -> dict[str, int]:
    """Large primes, within the ranges."""
    sizes = {}
    for place, (name, (least, greatest)) in enumerate(ranges.items()):
        prime = numbers.PRIMES[place % len(numbers.PRIMES)] + 2 * (place // len(numbers.PRIMES))
        size = max(least, prime)
        sizes[name] = size if greatest is None else min(size, greatest)
    return sizes
