"""Intervals against closed forms and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from concord3d.errors import EvaluationError
from concord3d.statistics.intervals import (
    binomial_interval,
    class_mean_interval,
    class_mean_outcomes,
    median_interval,
    seed_interval,
)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40))
@settings(max_examples=50)
def test_median_lies_inside_its_interval(ranks: list[int]) -> None:
    found = median_interval(np.array(ranks, dtype=float))
    assert found.value == np.median(ranks) and found.low <= found.value <= found.high
    assert {found.low, found.high} <= set(map(float, ranks)) and found.num_items == len(ranks)


def test_interval_of_the_median_covers_it() -> None:
    rng = np.random.default_rng(0)
    found = [median_interval(rng.exponential(size=31)) for _ in range(2000)]
    assert 0.95 <= np.mean([i.low <= np.log(2) <= i.high for i in found]) <= 0.985


def test_wilson_interval_matches_its_formula() -> None:
    successes, trials, z = 2283, 2468, stats.norm.ppf(0.975)
    p = successes / trials
    centre = (p + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    interval = binomial_interval(successes, trials)
    assert interval.low == pytest.approx(centre - half) and interval.high == pytest.approx(centre + half)
    assert interval.value == pytest.approx(p) and interval.num_items == trials


def test_exact_interval_is_wider_than_wilson_and_reaches_the_ends() -> None:
    wilson, exact = binomial_interval(511, 581), binomial_interval(511, 581, method="exact")
    assert exact.low < wilson.low and exact.high > wilson.high
    assert binomial_interval(0, 10, method="exact").low == 0 and binomial_interval(10, 10).high == pytest.approx(1)


@given(st.integers(1, 400), st.floats(0, 1))
@settings(max_examples=50)
def test_binomial_interval_holds_its_estimate(trials: int, share: float) -> None:
    interval = binomial_interval(round(share * trials), trials)
    assert 0 <= interval.low <= interval.value + 1e-12 and interval.value - 1e-12 <= interval.high <= 1


@pytest.mark.parametrize("counts", [(0, 0), (5, 4), (-1, 4)])
def test_binomial_interval_refuses_impossible_counts(counts: tuple[int, int]) -> None:
    with pytest.raises(EvaluationError):
        binomial_interval(*counts)


def test_seed_interval_is_students_t() -> None:
    values = np.array([90.1, 91.4, 90.7])
    low, high = stats.t.interval(0.95, 2, values.mean(), values.std(ddof=1) / np.sqrt(3))
    interval = seed_interval(values)
    assert (interval.low, interval.high) == pytest.approx((low, high))
    assert interval.basis == "seeds" and interval.num_seeds == 3


def test_seed_interval_refuses_one_seed() -> None:
    with pytest.raises(EvaluationError, match="One seed"):
        seed_interval([90.0])


def test_class_mean_weighs_classes_equally() -> None:
    outcomes = np.array([1.0] * 90 + [0.0] * 10)
    classes = np.array([0] * 90 + [1] * 10)
    assert class_mean_interval(outcomes, classes).value == pytest.approx(0.5)


def test_class_mean_covers_the_truth_where_classes_have_one_item() -> None:
    rng, hits = np.random.default_rng(0), 0
    classes = np.repeat(np.arange(60), [1] * 40 + [2] * 10 + [20] * 10)
    shares = rng.random(60)
    for _ in range(300):
        interval = class_mean_interval((rng.random(len(classes)) < shares[classes]).astype(float), classes)
        hits += interval.low <= shares.mean() <= interval.high
    assert hits / 300 >= 0.93


def test_class_mean_of_large_classes_agrees_with_the_binomial() -> None:
    correct, classes = np.tile([1.0, 1.0, 1.0, 0.0], 500), np.arange(2000) // 4 % 2
    found, wilson = class_mean_interval(correct, classes), binomial_interval(1500, 2000)
    assert (found.low, found.high) == pytest.approx((wilson.low, wilson.high), abs=2e-3)


def test_class_mean_outcomes_have_the_mean_and_the_variance_of_the_class_mean() -> None:
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1, 2], [5, 20, 75])
    outcomes = (rng.random(100) < 0.7).astype(float)
    found = class_mean_outcomes(outcomes, classes)
    assert found.mean() == pytest.approx(class_mean_interval(outcomes, classes).value)
    by_class = [outcomes[classes == c] for c in range(3)]
    literal = sum(of_one.var(ddof=1) / len(of_one) for of_one in by_class) / 3**2
    assert found.var(ddof=1) / 100 == pytest.approx(literal, rel=0.02)


def test_class_mean_outcomes_take_classes_of_one_item_together() -> None:
    outcomes, classes = np.array([1.0, 0.0, 1.0, 1.0, 0.0]), np.array([0, 1, 2, 3, 3])
    found = class_mean_outcomes(outcomes, classes)
    assert found.mean() == pytest.approx((1 + 0 + 1 + 0.5) / 4) and np.ptp(found[:3]) > 0
    assert class_mean_outcomes([1.0], [4]).tolist() == [1.0]
    with pytest.raises(EvaluationError, match="differ in number"):
        class_mean_outcomes([1.0], [0, 1])
