"""Trainings that goals would take."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord3d.errors import EvaluationError
from concord3d.statistics.extrapolation import clouds_needed
from concord3d.statistics.intervals import Interval


def measured(values: list[float], half_width: float = 0.5) -> list[Interval]:
    return [Interval(value, value - half_width, value + half_width, 1000, 2, "items and seeds") for value in values]


@given(
    st.floats(0.05, 1.0),
    st.lists(st.integers(1, 10_000), min_size=3, max_size=6, unique=True),
    st.floats(50.5, 99.0),
)
def test_a_power_law_is_found_again(exponent: float, thousands: list[int], goal: float) -> None:
    seen = [1e3 * number for number in sorted(thousands)]
    errors = [50 * (clouds / seen[0]) ** -exponent for clouds in seen]
    found = clouds_needed(seen, measured([100 - error for error in errors], 1e-9), goal)
    assert found.clouds == pytest.approx(seen[0] * ((100 - goal) / 50) ** (-1 / exponent), rel=1e-5)
    assert found.low == pytest.approx(found.high, rel=1e-3)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    seen, rng, held = [1e4, 4e4, 16e4], np.random.default_rng(1), 0
    errors = np.array([16 * (clouds / seen[0]) ** -0.1 for clouds in seen])
    truth = seen[0] * (10 / 16) ** (-1 / 0.1)
    for trial in range(400):
        values = 100 - errors + rng.normal(0, 0.2, 3)
        found = clouds_needed(seen, measured(values.tolist(), 1.96 * 0.2), 90.0, trial)
        held += found.low <= truth <= found.high
    assert 0.92 <= held / 400 <= 0.98


def test_errors_that_do_not_fall_reach_no_goal() -> None:
    found = clouds_needed([1e4, 2e4, 4e4], measured([80.0, 80.0, 79.0], 0.1), 90.0)
    assert math.isinf(found.clouds) and math.isinf(found.high)


def test_errors_that_may_not_fall_have_no_upper_end() -> None:
    found = clouds_needed([1e4, 2e4, 4e4], measured([80.0, 80.1, 80.3], 2.0), 90.0)
    assert math.isfinite(found.clouds) and math.isinf(found.high) and found.low < found.clouds


@pytest.mark.parametrize(
    ("seen", "values", "goal"),
    [
        ([1e4, 2e4], [80.0, 81.0], 90.0),
        ([1e4, 1e4, 2e4], [80.0, 80.0, 81.0], 90.0),
        ([1e4, 2e4, 4e4], [80.0, 90.0, 100.0], 95.0),
        ([1e4, 2e4, 4e4], [80.0, 81.0, 82.0], 100.0),
        ([0.0, 2e4, 4e4], [80.0, 81.0, 82.0], 90.0),
    ],
)
def test_what_has_no_power_law_is_refused(seen: list[float], values: list[float], goal: float) -> None:
    with pytest.raises(EvaluationError):
        clouds_needed(seen, measured(values), goal)
