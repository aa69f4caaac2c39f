"""The order of nodes, circles and what is needed, beside the plainest way to find each."""

from __future__ import annotations

import random

import pytest

from graphspec.graph.order import circle, needed, ordered

Needs = dict[str, list[str]]


def some_needs(seed: int, backwards: bool) -> Needs:
    """Thirty nodes that take some others each; those behind them too, where they go `backwards`."""
    draw = random.Random(seed)
    hidden = [f"n{number}" for number in range(30)]
    if backwards:
        draw.shuffle(hidden)
    needs = {
        name: [draw.choice(hidden[:place]) for _ in range(draw.randrange(4))] if place else []
        for place, name in enumerate(hidden)
    }
    return {"x": []} | {name: needs[name] or ["x"] for name in sorted(hidden, key=lambda name: int(name[1:]))}


def first_that_may(needs: Needs) -> list[str] | None:
    """Again and again the first in the file whose needs are all there."""
    found: list[str] = []
    while len(found) < len(needs):
        ready = [name for name, before in needs.items() if name not in found and {*before} <= {*found}]
        if not ready:
            return None
        found.append(ready[0])
    return found


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("backwards", [False, True])
def test_the_order_is_the_nearest_to_the_files(seed: int, backwards: bool) -> None:
    needs = some_needs(seed, backwards)
    assert ordered(needs) == first_that_may(needs)
    assert circle(needs) == []


@pytest.mark.parametrize("seed", range(40))
def test_a_circle_is_named_by_those_in_it(seed: int) -> None:
    needs, draw = some_needs(seed, backwards=True), random.Random(seed)
    readers = [name for name in needs if needs[name] and name != "x"]
    late = draw.choice(readers)
    early = draw.choice(sorted(needed(needs, [late]) - {"x"}))
    needs[early] = [*needs[early], late]
    assert ordered(needs) is None
    found = circle(needs)
    assert found
    assert all(one in needs[two] for one, two in zip(found, [*found[1:], found[0]], strict=True))


def test_what_nothing_needs_is_not_needed() -> None:
    assert needed({"x": [], "a": ["x"], "b": ["a"], "c": ["a"]}, ["b"]) == {"x", "a", "b"}


def test_a_long_circle_takes_no_square_of_its_length() -> None:
    count = 100_000
    needs: Needs = {"x": []} | {f"n{number}": [f"n{number - 1}"] for number in range(count)}
    needs["n0"] = ["x", f"n{count - 1}"]
    assert len(circle(needs)) == count
