"""Numbers of many digits are written as they were computed, the same to the last bit."""

from typing import Any

import pytest

from graphspec.importing.progression import Progression, fraction, progression
from graphspec.spec.scope import Bindings

#: The numbers of the copies, and the expression of them.
CASES: dict[str, tuple[list[Any], str | None]] = {
    "rates of blocks 5 to 7 of 11": ([0.2 * n / 11 for n in (5, 6, 7)], "0.2 * (i + 5) / 11"),
    "from nothing": ([0.1 * n / 17 for n in range(4)], "0.1 * i / 17"),
    "in the fewest steps": ([0.2 * n / 16 for n in (9, 10, 11)], "0.0125 * (i + 9)"),
    "two of many digits": ([0.3 * n / 7 for n in (1, 2)], "0.3 * (i + 1) / 7"),
    "two that read well": ([0.25, 0.5], None),
    "unequal steps": ([0.1, 0.2, 0.4], None),
    "equal": ([0.1, 0.1], None),
    "whole numbers": ([1, 2, 3], None),
    "one bit beside": ([0.2 * 5 / 11, 0.2 * 6 / 11 + 2e-17, 0.2 * 7 / 11], None),
    "not finite": ([0.1, float("inf")], None),
}


@pytest.mark.parametrize("case", CASES)
def test_the_numbers_of_copies(case: str) -> None:
    values, text = CASES[case]
    assert progression(values) == text
    found = Progression.of(values)
    assert found is None or [found.at(i) for i in range(len(values))] == values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2 / 11, "0.2 / 11"), (32**-0.5, "32 ** -0.5"), (2 / 11, "2 / 11"), (-0.7 / 9, "-0.7 / 9"),
        (0.1, None), (1e-05, None), (0.0, None), (3.14159265358979, None), (float("nan"), None), (1e300 / 7, None),
    ],
)  # fmt: skip
def test_one_number(value: float, text: str | None) -> None:
    assert fraction(value) == text
    assert text is None or Bindings({}).close(f"${{{text}}}", None) == value
