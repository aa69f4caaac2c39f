"""Splits are seeded, stratified, disjoint and complete."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphspec.data.split import split_indices


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=200),
    fraction=st.floats(0, 0.9),
    seed=st.integers(0, 2**40),
)
def test_parts_are_disjoint_and_complete(labels: list[int], fraction: float, seed: int) -> None:
    kept, taken = split_indices(torch.tensor(labels), len(labels), fraction, seed, "validation")
    assert sorted([*kept.tolist(), *taken.tolist()]) == list(range(len(labels)))
    assert len(taken) == (round(fraction * len(labels)) or int(fraction > 0))


@pytest.mark.parametrize("sizes", [(500, 300, 200), (70, 30), (999, 1)])
def test_every_class_gives_its_share(sizes: tuple[int, ...]) -> None:
    labels = torch.cat([torch.full((size,), label) for label, size in enumerate(sizes)])
    _, taken = split_indices(labels, len(labels), 0.2, 0, "test")
    for label, size in enumerate(sizes):
        assert abs(int((labels[taken] == label).sum()) - 0.2 * size) <= 1


def test_the_seed_and_the_name_decide() -> None:
    def taken(seed: int, name: str) -> list[int]:
        return split_indices(None, 100, 0.3, seed, name)[1].tolist()

    assert taken(0, "test") == taken(0, "test")
    assert taken(0, "test") != taken(1, "test")
    assert taken(0, "test") != taken(0, "validation")
