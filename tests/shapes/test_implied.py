"""Conditions on several sizes together: what is shown to hold for all of them is true, and the rest is not shown."""

from __future__ import annotations

from typing import Any

import pytest
import sympy

import graphspec
from graphspec.diagnostics import GraphspecError
from graphspec.shapes.dims import symbol
from graphspec.shapes.implied import implied, is_decided
from graphspec.system.torch_private import FloorDiv, Max, Mod

N, T, H = symbol("N"), symbol("T"), symbol("H")
RANGES = {"N": (1, None), "T": (3, None), "H": (2, 64)}
SHOWN: dict[str, Any] = {
    "a product above a number": sympy.Ge(N * T, 3),
    "a difference above 0": sympy.Gt(N * T * H, N * T),
    "what divides": sympy.Eq(FloorDiv(8 * N * T, 2 * T), 4 * N),
    "no remainder": sympy.Eq(Mod(12 * N * T, 4 * T), 0),
    "a product that is never 1": sympy.Ne(N * FloorDiv(H, 2) * T, 1),
    "one dim each": sympy.Or(sympy.Ge(T, 2), sympy.Ge(H, 100)),
    "both": sympy.And(sympy.Ge(N * T, 2), sympy.Le(H, 64)),
    "the greater of both": sympy.Ge(Max(N, T) + N, 2),
}
NOT_SHOWN: dict[str, Any] = {
    "false for some": sympy.Gt(N, T),
    "false for large ones": sympy.Le(N * T, 10**6),
    "a remainder": sympy.Eq(Mod(N * T, 2), 0),
    "equal for some": sympy.Ne(N * H, 2 * T),
    "one dim each, for some": sympy.Or(sympy.Ge(T, 4), sympy.Ge(H, 3)),
    "true by more than terms show": sympy.Ge(N**2 + T**2, 2 * N * T),
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_holds_term_by_term_is_shown(name: str) -> None:
    assert implied(SHOWN[name], RANGES)


@pytest.mark.parametrize("name", NOT_SHOWN)
def test_what_fails_somewhere_or_is_no_matter_of_terms_is_not_shown(name: str) -> None:
    assert not implied(NOT_SHOWN[name], RANGES)


def test_relations_on_one_dim_are_decided_whatever_joins_them() -> None:
    assert is_decided(sympy.Or(sympy.Ge(T, 4), sympy.Ge(H, 3)))
    assert not is_decided(sympy.Ge(T + H, 4))


def test_what_is_put_into_a_slice_is_as_long_as_its_place() -> None:
    """The fake kernel does not ask: two values from the last but one on need two places."""

    def dims(**arguments: int) -> object:
        layers = {"y": {"type": "slice_scatter", "from": ["x", "s"], "dim": 1, **arguments}}
        network = graphspec.load({"graphspec": 1, "inputs": {"x": ["N", "T"], "s": ["N", 2]}, "layers": layers})
        return graphspec.shape(network).dims["T"]

    assert dims(start=-2) == (2, None)
    assert dims(start=3, end=5) == (5, None)
    with pytest.raises(GraphspecError, match=r"puts 2 values in room for T - 1; it works only where T is 3"):
        dims(start=1)
