"""Every way through a layer that its sizes allow: the sizes that it works for, and what its shapes are there."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sympy

from graphspec.ops import Op
from graphspec.shapes import numbers
from graphspec.shapes.atoms import Atoms
from graphspec.shapes.call import FrozenDim, Refused, Run
from graphspec.shapes.conditions import Ranges, find, holding, negated
from graphspec.shapes.dims import Dim, dim_text, symbol, tidy
from graphspec.shapes.evaluate import Unreadable, value_at
from graphspec.shapes.formulas import unify
from graphspec.shapes.shaped import TensorType
from graphspec.shapes.symbolic import Path
from graphspec.shapes.symbolic import run as run_once

#: A layer with more ways through it is refused.
MOST_PATHS = 96
#: How many samples stand for any number of them.
BATCH = 1013
#: Factors of a dim that are tried as a way out.
MULTIPLES = (2, 3, 4, 5, 6, 7, 8, 12, 14, 16, 28, 32, 64)
#: Ordinary sizes: large, so that deep networks do not shrink them away, and primes, so that no two are alike.
PRIMES = (1009, 2003, 3001, 4001, 5003, 6007, 7001, 8009, 9001, 10007, 11003, 12007)


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


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """A path over the dims of the network: its conditions there, what it gives, or why it does not."""

    conditions: tuple[Any, ...]
    run: Run | None
    refusal: str = ""


def follow(layer: Layer, atoms: Atoms, ranges: Ranges, equal: Sequence[Any] = ()) -> tuple[Run, Ranges]:
    """What the layer gives for every size within `ranges`, and the part of `ranges` for which it works.

    `equal` are equations that have to hold besides, where torch would stretch a value.

    Raises:
        FrozenDim: the layer makes numbers of its sizes.
        Refused: there is no size that it works for, or they are not one range; or a shape has no formula.
    """
    named = {str(free) for real in atoms.real.values() for free in real.free_symbols}
    mine = {name: span for name, span in ranges.items() if name in named}
    outcomes = [part for found in _outcomes(layer, atoms, mine) for part in _required(found, equal, mine)]
    accepted = _of_one_kind(outcomes)
    refused = [outcome for outcome in outcomes if outcome not in accepted]
    if not accepted:
        raise _refusal(refused[0], refused, mine, next(iter(ranges)))
    narrowed = _narrowed(accepted, refused, mine, next(iter(ranges)))
    for name, (least, greatest) in narrowed.items():
        if least == greatest and mine[name] != (least, greatest):
            raise Refused(refused[0].refusal, f"it works only where {name} is {least}")
    accepted = [outcome for outcome in accepted if find(outcome.conditions, narrowed) is not None]
    return _united(accepted, narrowed), {**ranges, **narrowed}


def _outcomes(layer: Layer, atoms: Atoms, ranges: Ranges) -> list[Outcome]:
    """The outcomes of all paths: wherever one branched, sizes that go the other way are looked for, and run."""
    found: list[Outcome] = []
    waiting: list[dict[str, int]] = [_ordinary(ranges)]
    seen: set[Path] = set()
    branches: set[tuple[Any, ...]] = set()
    while waiting:
        sizes = waiting.pop()
        point = {symbol(name): size for name, size in sizes.items()}
        path = layer.at({plain: int(real.subs(point)) for plain, real in atoms.real.items()})
        if path in seen:
            continue
        seen.add(path)
        if len(seen) > MOST_PATHS or _makes_numbers(seen):
            raise FrozenDim
        real = [condition.xreplace(atoms.real) for condition in path.conditions]
        kept: list[Any] = []
        for condition in real:
            other = negated(condition)
            if other == sympy.false or find([other], ranges) is None:
                continue  # it holds whatever the sizes
            branch = (*kept, other)
            kept.append(condition)
            if branch not in branches:
                branches.add(branch)
                there = find(branch, ranges)
                if there is not None:
                    waiting.append({**sizes, **there})
        found.append(Outcome(tuple(kept), atoms.in_real(path.run) if path.run else None, atoms.readable(path.refusal)))
        if path.run is None and kept and not _may_be_left_out(found[-1], ranges):
            break
    return found


def _may_be_left_out(outcome: Outcome, ranges: Mapping[str, Any]) -> bool:
    """Whether a smaller range of one dim might leave a refusal out."""
    single = any(len(part.free_symbols) == 1 for c in outcome.conditions for part in _parts(c))
    return single or _without_edge(outcome, ranges) is not None


def _without_edge(outcome: Outcome, ranges: Mapping[str, Any]) -> dict[str, Any] | None:
    """`ranges` without the least size of one dim, where a refusal comes with the least sizes of several together.

    An InstanceNorm wants more than one pixel: with ``W`` from 2 on it has them, and 2 × 1 pixels are given up.
    """
    for name in reversed([*ranges]):
        least, greatest = ranges[name]
        smaller = {**ranges, name: (least + 1, greatest)}
        if least != greatest and find(outcome.conditions, smaller) is None:
            return smaller
    return None


def _makes_numbers(paths: Iterable[Path]) -> bool:
    """Whether a layer made a number of one size again and again, so that each size is a path of its own."""
    made = Counter(symbol for symbol, _ in {pair for path in paths for pair in path.frozen})
    return any(count > 4 for count in made.values())


def _ordinary(ranges: Ranges) -> dict[str, int]:
    sizes = {}
    for place, (name, (least, greatest)) in enumerate(ranges.items()):
        prime = PRIMES[place % len(PRIMES)] + 2 * (place // len(PRIMES))
        size = max(least, prime)
        sizes[name] = size if greatest is None else min(size, greatest)
    return sizes


def _required(outcome: Outcome, equal: Sequence[Any], ranges: Ranges) -> Iterator[Outcome]:
    """`outcome` where sizes are `equal` that have to be and every value has elements; a refusal for where not."""
    if outcome.run is None:
        yield outcome
        return
    dims = dict.fromkeys(dim for kind in outcome.run.outputs.values() for dim in kind.shape)
    wanted = [(equation, _unequal(equation)) for equation in equal]
    wanted += [(sympy.Ge(dim, 1), f"nothing is left of the dim {dim_text(dim)}") for dim in dims]
    conditions = outcome.conditions
    for condition, refusal in wanted:
        other = negated(condition)
        if other == sympy.false or find([*conditions, other], ranges) is None:
            continue
        yield Outcome((*conditions, other), None, refusal)
        conditions = (*conditions, condition)
    yield dataclasses.replace(outcome, conditions=conditions)


def _unequal(equation: Any) -> str:
    left, right = (dim_text(tidy(side)) for side in equation.args)
    return f"a size is {left} in one value and {right} in another"


def _of_one_kind(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The accepted outcomes with as many values, dims and dtypes as the first, which is at ordinary sizes."""
    accepted = [outcome for outcome in outcomes if outcome.run]
    return [outcome for outcome in accepted if _kind(outcome) == _kind(accepted[0])]


def _kind(outcome: Outcome) -> Any:
    assert outcome.run
    return [(index, len(kind.shape), kind.dtype) for index, kind in outcome.run.outputs.items()]


def _narrowed(accepted: Sequence[Outcome], refused: Sequence[Outcome], ranges: Ranges, batch: str) -> dict[str, Any]:
    """The range of each dim that leaves no refused outcome and every accepted one."""
    now = dict(ranges)
    for outcome in refused:
        while find(outcome.conditions, now) is not None:
            shrunk = next(_smaller(outcome, accepted, now), None) or _without_edge(outcome, now)
            if shrunk is None:
                raise _refusal(outcome, refused, ranges, batch)
            now = shrunk
    return now


def _refusal(outcome: Outcome, refused: Sequence[Outcome], ranges: Mapping[str, Any], batch: str) -> Refused:
    """`outcome` as an error: with sizes at which it comes, and the way out."""
    message = outcome.refusal or "it gives another number of values, dims or another dtype for some sizes"
    sizes = find(outcome.conditions, ranges)
    if not sizes:
        return Refused(message)
    at = ", ".join(f"{name} = {sizes[name]}" for name in ranges if name in sizes)
    return Refused(message, "; ".join([f"it breaks at {at}", *_ways_out(refused, ranges, batch)]))


def _ways_out(refused: Sequence[Outcome], ranges: Mapping[str, Any], batch: str) -> Iterator[str]:
    """Multiples of the dims, or a bound on one, with which nothing is refused."""
    used = {str(free) for o in refused for c in o.conditions for free in c.free_symbols if o.conditions}
    # a multiple of the batch is nobody's intention
    names = [name for name in ranges if name in used and name != batch]
    if not names or not all(outcome.conditions for outcome in refused):
        return
    chosen_by_count = (chosen for count in (1, 2, 3) for chosen in itertools.combinations(reversed(names), count))
    for chosen in sorted(chosen_by_count, key=len):
        for factor in MULTIPLES:
            scaled = {symbol(name): factor * symbol(name) for name in chosen}
            if not any(find([c.xreplace(scaled) for c in o.conditions], ranges) for o in refused):
                yield "dims that are multiples work: " + ", ".join(f'"{factor}*{name}"' for name in reversed(chosen))
                return
    for name in names:
        for least in range(ranges[name][0] + 1, ranges[name][0] + 64):
            if not any(find(o.conditions, {**ranges, name: (least, ranges[name][1])}) for o in refused):
                yield f"[dims] {name} = {{ min = {least} }} works"
                return


def _smaller(outcome: Outcome, accepted: Sequence[Outcome], ranges: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """`ranges` with one end of one dim moved so that `outcome` is left out, but nothing accepted."""
    for condition in reversed([part for c in outcome.conditions for part in _parts(c)]):
        if len(condition.free_symbols) != 1:
            continue
        name = str(next(iter(condition.free_symbols)))
        least, greatest = ranges[name]
        sizes, holds = holding(condition, name, ranges[name])
        if holds.all() or not holds.any():
            continue
        if holds[0]:
            cut = int(sizes[~holds][0])
            left_out, kept = (least, cut - 1), (cut, greatest)
        elif holds[-1]:
            cut = int(sizes[~holds][-1])
            left_out, kept = (cut + 1, greatest), (least, cut)
        else:
            continue
        inside = {**ranges, name: left_out}
        if all(find(other.conditions, inside) is None for other in accepted):
            yield {**ranges, name: kept}


def _parts(condition: Any) -> Iterator[Any]:
    if isinstance(condition, sympy.And | sympy.Or):
        for part in condition.args:
            yield from _parts(part)
    else:
        yield condition


def _united(accepted: Sequence[Outcome], ranges: Ranges) -> Run:
    """One run for all accepted outcomes."""
    first = accepted[0].run
    assert first
    outputs = {}
    for index, kind in first.outputs.items():
        shape = [_one_size(accepted, index, place, ranges) for place in range(len(kind.shape))]
        outputs[index] = TensorType(tuple(shape), kind.dtype)
    return Run(outputs, first.parameters, first.flops)


def _one_size(accepted: Sequence[Outcome], index: tuple[int, ...], place: int, ranges: Ranges) -> Dim:
    cases = [(o.conditions, sympy.sympify(o.run.outputs[index].shape[place])) for o in accepted if o.run]
    if len({formula for _, formula in cases}) == 1:
        return tidy(cases[0][1])
    try:
        found = unify(cases, ranges)
    except Unreadable:
        found = None
    if found is None:
        texts = " or ".join(dict.fromkeys(dim_text(formula) for _, formula in cases))
        raise Refused(f"torch gives dim {place} as {texts}, by branches that are no formula")
    return found
