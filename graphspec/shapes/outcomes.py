"""What the paths through a layer come to: the range of sizes that it works for, and one formula for each size there."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sympy

from graphspec.shapes.call import Refused, Run
from graphspec.shapes.conditions import Ranges, find, holding, negated
from graphspec.shapes.dims import Dim, dim_text, symbol, tidy
from graphspec.shapes.evaluate import Unreadable
from graphspec.shapes.formulas import unify
from graphspec.shapes.shaped import TensorType

#: Factors of a dim that are tried as a way out.
MULTIPLES = (2, 3, 4, 5, 6, 7, 8, 12, 14, 16, 28, 32, 64)


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """A path over the dims of the network: its conditions there, what it gives, or why it does not."""

    conditions: tuple[Any, ...]
    run: Run | None
    refusal: str = ""
    symbols: frozenset[sympy.Symbol] = frozenset()


def settle(
    outcomes: Iterable[Outcome], ranges: Ranges, equal: Sequence[Any] = (), needed: Sequence[tuple[Any, str]] = ()
) -> tuple[Run, Ranges]:
    """One run for all outcomes together, and the part of `ranges` for which it holds.

    `equal` are equations that have to hold besides, where torch would stretch a value; `needed` are other conditions
    and what to say where they do not hold.

    Raises:
        Refused: there is no size for which nothing is refused, or they are not one range; or a shape has no formula.
    """
    named = {str(free) for outcome in outcomes for free in outcome.symbols}
    mine = {name: span for name, span in ranges.items() if name in named}
    wanted = [*needed, *((equation, _unequal(equation)) for equation in equal)]
    parts = [part for outcome in outcomes for part in _required(outcome, wanted, mine)]
    accepted = _of_one_kind(parts)
    refused = [outcome for outcome in parts if outcome not in accepted]
    batch = next(iter(ranges), "")
    if not accepted:
        raise _refusal(refused[0], refused, mine, batch)
    narrowed = _narrowed(accepted, refused, mine, batch)
    for name, (least, greatest) in narrowed.items():
        if least == greatest and mine[name] != (least, greatest):
            why = next((each for each in refused if _asks_for(each, name)), refused[0])
            raise Refused(why.refusal, f"it works only where {name} is {least}")
    accepted = [outcome for outcome in accepted if find(outcome.conditions, narrowed) is not None]
    return _united(accepted, narrowed), {**ranges, **narrowed}


def within(run: Run, ranges: Ranges, needed: Sequence[tuple[Any, str]]) -> tuple[Run, Ranges]:
    """`run`, and the part of `ranges` for which conditions hold that it needs; each has the words of its refusal.

    Raises:
        Refused: they hold for no size, or not for one range of sizes.
    """
    symbols = frozenset(free for condition, _ in needed for free in condition.free_symbols)
    try:
        return settle([Outcome((), run, symbols=symbols)], ranges, needed=needed)
    except Unreadable:  # nothing is known of them then
        return run, ranges


def may_be_left_out(outcome: Outcome, ranges: Mapping[str, Any]) -> bool:
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


def _required(outcome: Outcome, needed: Sequence[tuple[Any, str]], ranges: Ranges) -> Iterator[Outcome]:
    """`outcome` where what is `needed` holds and every value has elements; a refusal for where not."""
    if outcome.run is None:
        yield outcome
        return
    dims = dict.fromkeys(dim for kind in outcome.run.outputs.values() for dim in kind.shape)
    wanted = [*needed, *((sympy.Ge(dim, 1), f"nothing is left of the dim {dim_text(dim)}") for dim in dims)]
    conditions = outcome.conditions
    for condition, refusal in wanted:
        other = negated(condition)
        if other == sympy.false or find([*conditions, other], ranges) is None:
            continue
        yield dataclasses.replace(outcome, conditions=(*conditions, other), run=None, refusal=refusal)
        conditions = (*conditions, condition)
    yield dataclasses.replace(outcome, conditions=conditions)


def _unequal(equation: Any) -> str:
    if not equation.args:
        return "its values are of different sizes"
    left, right = (dim_text(tidy(side)) for side in equation.args)
    stretched = "; write broadcast = true if that is meant" if "1" in (left, right) else ""
    return f"a size is {left} in one value and {right} in another{stretched}"


def _asks_for(outcome: Outcome, name: str) -> bool:
    """Whether the last of its conditions, that of the refusal, is one on the dim `name` alone."""
    return bool(outcome.conditions) and {str(free) for free in outcome.conditions[-1].free_symbols} == {name}


def _of_one_kind(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The accepted outcomes with as many values, dims and dtypes as the first, which is at ordinary sizes."""
    accepted = [outcome for outcome in outcomes if outcome.run]
    return [outcome for outcome in accepted if _kind(outcome) == _kind(accepted[0])]


def _kind(outcome: Outcome) -> Any:
    assert outcome.run
    return [(index, len(kind.shape), kind.dtype) for index, kind in outcome.run.outputs.items()]


def _narrowed(accepted: Sequence[Outcome], refused: Sequence[Outcome], ranges: Ranges, batch: str) -> dict[str, Any]:
    """The range of each dim that leaves no refused outcome and every accepted one.

    A refusal in the midst of a range waits until others have moved its ends: ``L = 5`` beside ``L < 5``.
    """
    now, left = dict(ranges), list(refused)
    while left := [outcome for outcome in left if find(outcome.conditions, now) is not None]:
        ways = (next(_smaller(outcome, accepted, now), None) for outcome in left)
        shrunk = next(filter(None, ways), None) or next(filter(None, (_without_edge(each, now) for each in left)), None)
        if shrunk is None:
            raise _refusal(left[0], refused, ranges, batch)
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
            if all(find([c.xreplace(scaled) for c in o.conditions], ranges) is None for o in refused):
                yield "dims that are multiples work: " + ", ".join(f'"{factor}*{name}"' for name in reversed(chosen))
                return
    for name in names:
        for least in range(ranges[name][0] + 1, ranges[name][0] + 64):
            if all(find(o.conditions, {**ranges, name: (least, ranges[name][1])}) is None for o in refused):
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
