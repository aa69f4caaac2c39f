"""How numbers are written for people."""

import pytest

from graphspec.display import number_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (999.6, "1.00 k"),
        (1000, "1.00 k"),
        (9_995, "10.0 k"),
        (203_264, "203 k"),
        (999_499, "999 k"),
        (999_500, "1.00 M"),
        (3_643_277_312, "3.64 G"),
        (8e18, "8,000 P"),
    ],
)
def test_three_digits_and_a_prefix(value, text):
    assert number_text.short(value) == text


@pytest.mark.parametrize(
    ("count", "text"), [(12, "12 B"), (999, "999 B"), (407_080, "407 kB"), (244_403_360, "244 MB")]
)
def test_bytes(count, text):
    assert number_text.size(count) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.4, "0.40 s"),
        (9.996, "10.0 s"),
        (59.9, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3_725, "1 h 02 min"),
    ],
)
def test_durations(value, text):
    assert number_text.seconds(value) == text
