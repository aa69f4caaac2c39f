"""The float64-noise rule as a pure function: what passes, what fails, and what tells nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphspec.exporting.tolerance import FLOOR_ULPS, MOST_SCALED, NOISE_FACTOR, allowed_error, error
from graphspec.verifying.rule import Status, judge

RAMP = np.linspace(-1.0, 1.0, 12).reshape(3, 4)
SINGLE = RAMP.astype(np.float32)
NOISE = error(SINGLE, RAMP)


def judged(candidate, double=RAMP, noise=NOISE, **more):
    double = np.asarray(double, np.float64)
    with np.errstate(over="ignore"):
        return judge(np.asarray(candidate), double, double.astype(np.float32), noise, **more)


def with_element(value, like=SINGLE):
    changed = like.copy()
    changed[1, 2] = value
    return changed


@pytest.mark.parametrize(
    ("candidate", "status", "reason"),
    [
        (SINGLE, Status.PASS, ""),
        (SINGLE * np.float32(1 + 2e-7), Status.PASS, ""),
        (SINGLE * np.float32(1 + 3e-6), Status.FAIL, "off by"),
        (SINGLE[:2], Status.FAIL, "shape (2, 4) instead of (3, 4)"),
        (RAMP, Status.FAIL, "dtype float64 instead of float32"),
        (with_element(np.nan), Status.FAIL, "off by inf"),
        (with_element(np.inf), Status.FAIL, "off by inf"),
        (SINGLE[::-1], Status.FAIL, "off by"),
    ],
)
def test_a_candidate_is_judged_by_its_error_against_float64(candidate, status, reason):
    result = judged(candidate)
    assert (result.status, reason in result.reason) == (status, True)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        (np.zeros((3, 4)), "all zero"),
        (np.full((3, 4), 0.5), "constant"),
        (np.zeros((0, 4)), "empty"),
        (with_element(np.nan, RAMP), "not a number"),
        (np.full((3, 4), -np.inf), "infinite"),
        (RAMP * 1e300, "overflows"),
    ],
)
def test_an_output_that_tells_nothing_is_inconclusive_even_where_the_candidate_is_equal(reference, reason):
    with np.errstate(over="ignore"):
        result = judged(reference.astype(np.float32), reference, noise=0.0)
    assert (result.status, result.reason) == (Status.INCONCLUSIVE, reason)


@pytest.mark.parametrize("reference", [np.zeros((3, 4)), np.full((3, 4), 0.5), with_element(np.nan, RAMP)])
def test_a_wrong_output_fails_even_where_a_right_one_would_tell_nothing(reference):
    wrong = reference.astype(np.float32)
    wrong[0, 0] += 0.25
    assert judged(wrong, reference, noise=0.0).status is Status.FAIL


def test_a_single_number_is_not_taken_for_a_constant():
    assert judged(np.float32([[0.5]]), [[0.5]], noise=0.0).status is Status.PASS


def test_a_saturated_output_passes_as_what_it_is():
    """A softmax at 0 and 1 is the same for weights that are wrong by a thousandth."""
    one_hot = np.eye(4)
    result = judged(one_hot.astype(np.float32), one_hot, noise=0.0, movement=1e-12)
    assert (result.status, result.reason.split(":")[0]) == (Status.PASS, "saturated")
    assert judged(one_hot.astype(np.float32), one_hot, noise=0.0, movement=1e-3).status is Status.PASS


def test_equal_infinities_are_equal_and_opposite_ones_are_not():
    reference = with_element(-np.inf, RAMP)
    assert judged(reference.astype(np.float32), reference).status is Status.PASS
    assert judged(with_element(np.inf), reference).status is Status.FAIL


def test_an_error_that_rounding_explains_is_no_fault_and_beyond_1e_5_no_pass_either():
    noise = 1e-3
    assert judged(SINGLE + np.float32(2e-3), noise=noise).status is Status.INCONCLUSIVE
    assert judged(SINGLE + np.float32(2e-2), noise=noise).status is Status.FAIL


@pytest.mark.parametrize(
    ("candidate", "status"),
    [([1, 5, 3], Status.PASS), ([1, 6, 3], Status.PASS), ([1, 5, 4], Status.FAIL), ([2, 5, 3], Status.FAIL)],
)
def test_integers_are_equal_except_where_rounding_decides_between_two(candidate, status):
    """An argmax may fall on either of two values that are equal but for rounding: float64 says 5, float32 says 6."""
    double, single = np.array([1, 5, 3]), np.array([1, 6, 3])
    assert judge(np.array(candidate), double, single, 0.0).status is status


finite = st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-6)


@given(st.lists(finite, min_size=2, max_size=20), st.floats(0, 1e-3))
def test_the_bound_is_the_noise_between_a_floor_of_a_few_ulp_and_a_share_of_the_greatest(values, noise):
    reference = np.array(values)
    greatest = np.abs(reference).max()
    bound = allowed_error(reference, noise)
    assert bound <= MOST_SCALED * greatest
    assert bound >= min(NOISE_FACTOR * noise, MOST_SCALED * greatest) * (1 - 1e-12)
    assert bound >= FLOOR_ULPS * greatest * 2.0**-24 * (1 - 1e-6)


@given(st.lists(finite, min_size=2, max_size=20), st.floats(1.01, 100), st.integers(0, 19))
def test_whatever_exceeds_the_bound_in_one_element_fails(values, times, where):
    double = np.array(values, np.float32).astype(np.float64)  # float32 holds it exactly: the floor alone is allowed
    candidate = double.copy()
    candidate[where % len(values)] += times * max(allowed_error(double, 0.0), abs(candidate).max() * 2.0**-20)
    assert judge(candidate.astype(np.float32), double, double.astype(np.float32), 0.0).status is Status.FAIL


@given(st.lists(finite, min_size=2, max_size=20), st.integers(-8, 8))
def test_a_change_of_unit_by_a_power_of_two_changes_no_verdict(values, power):
    double = np.array(values, np.float32).astype(np.float64)
    for off in (1e-8, 1e-6, 1e-4):
        plain = judge((double * (1 + off)).astype(np.float32), double, double.astype(np.float32), 0.0)
        scaled = double * 2.0**power
        other = judge((scaled * (1 + off)).astype(np.float32), scaled, scaled.astype(np.float32), 0.0)
        assert plain.status is other.status


@pytest.mark.parametrize(
    ("dtype", "ulps", "status"),
    [
        ("float16", 3, Status.PASS),
        ("float16", 40, Status.FAIL),
        ("float32", 3, Status.PASS),
        ("float64", 3, Status.PASS),
    ],
)
def test_ulps_are_those_of_the_coarsest_dtype_on_the_way(dtype, ulps, status):
    unit = float(np.finfo(dtype).eps)
    double = np.array([1.0, 0.25, -0.5])
    candidate = (double + np.array([ulps * unit, 0, 0])).astype(dtype)
    assert judge(candidate, double, double.astype(dtype), 0.0, unit=unit).status is status
    if unit > 2.0**-23:
        assert judge(candidate, double, double.astype(dtype), 0.0).status is Status.FAIL


def test_an_error_in_what_float32_has_lost_on_the_way_is_no_fault():
    double = np.array([1e-87, 3e-87, 2e-87])
    judged = judge(np.full(3, 1e-36, np.float32), double, np.zeros(3, np.float32), 0.0)
    assert (judged.status, judged.reason) == (Status.INCONCLUSIVE, "constant")
