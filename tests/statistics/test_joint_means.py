"""Joint means: Satterthwaite's degrees of freedom by hand, Wilson's interval, the guard of rare differences, draws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from concord3d.errors import EvaluationError
from concord3d.statistics.intervals import binomial_interval
from concord3d.statistics.joint_means import (
    ItemMeans,
    JointMeans,
    Uncertainty,
    proportion_over_draws,
    rank_correlation,
)
from concord3d.statistics.seed_spread import SeedPart, SeedSpread


def part(covariance: float, scale: float, freedom: int) -> SeedPart:
    return SeedPart(np.array([[covariance]]), np.array([[scale]]), freedom)


def one(outcomes: list[float], *parts: SeedPart) -> JointMeans:
    return JointMeans(np.array([np.mean(outcomes)]), [ItemMeans.of([0], [np.array([outcomes])])], parts)


def test_variance_and_freedom_by_hand() -> None:
    outcomes = [0.0, 1.0, 1.0, 0.0, 1.0]
    found = one(outcomes, part(0.02, 0.03, 4), part(0.01, 0.015, 2)).uncertainty([1.0])
    items = np.var(outcomes, ddof=1) / 5
    assert found.variance == pytest.approx(items + 0.03)
    assert found.freedom == pytest.approx((items + 0.03) ** 2 / (items**2 / 4 + 0.03**2 / 4 + 0.015**2 / 2))


def test_a_negative_part_of_seeds_is_kept_down_to_three_quarters_of_the_items() -> None:
    outcomes = [0.0, 1.0, 1.0, 0.0, 1.0]
    items = float(np.var(outcomes, ddof=1) / 5)
    slightly = one(outcomes, part(-0.1 * items, items, 1)).uncertainty([1.0])
    assert slightly.variance == pytest.approx(0.9 * items) and slightly.freedom == pytest.approx(0.81 * 4)
    assert one(outcomes, part(-2 * items, items, 1)).uncertainty([1.0]).variance == pytest.approx(0.75 * items)


@pytest.mark.parametrize("num_items", [20, 30])
def test_rounding_does_not_say_whether_seeds_count(num_items: int) -> None:
    ends = set()
    for place in range(num_items):
        # One item, right with one of two seeds: what seeds add is exactly zero, whatever the order of the items.
        outcomes = np.zeros((2, num_items))
        outcomes[0, place] = 1 / 24
        found = SeedSpread.of(["a", "a"], [1, 2], [outcomes], [0]).parts(["a"], [0], [[1, 2]])
        joint = JointMeans(np.array([outcomes.mean()]), [ItemMeans.of([0], [outcomes])], found)
        uncertainty = joint.uncertainty([1.0])
        assert uncertainty.from_seeds == 0 and uncertainty.freedom == pytest.approx(num_items - 1)
        ends.add(np.round(uncertainty.proportion_ends(float(outcomes.mean()), num_items), 9).tobytes())
    assert len(ends) == 1


def test_items_are_paired_and_data_sets_are_not() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.random((2, 1, 40))
    paired = JointMeans(np.zeros(2), [ItemMeans.of([0, 1], [left, right])]).uncertainty([1.0, -1.0])
    difference = (left - right)[0]
    guard = np.abs(difference).max() ** 2 / 40**2
    assert paired.variance == pytest.approx(difference.var(ddof=1) / 40 + guard)
    apart = JointMeans(np.zeros(2), [ItemMeans.of([0], [left]), ItemMeans.of([1], [right])]).uncertainty([1.0, -1.0])
    assert apart.variance == pytest.approx(left.var(ddof=1) / 40 + right.var(ddof=1) / 40)


@pytest.mark.parametrize(("favourable", "decides"), [(3, False), (4, False), (6, True), (20, True)])
def test_few_items_that_all_favour_one_side_decide_nothing(favourable: int, decides: bool) -> None:
    left, right = np.zeros((2, 1, 300))
    left[0, :favourable] = 1
    joint = JointMeans(np.array([favourable / 300, 0]), [ItemMeans.of([0, 1], [left, right])])
    low, _ = joint.uncertainty([1.0, -1.0]).ends(favourable / 300)
    assert (low > 0) == decides == (stats.binomtest(favourable, favourable).pvalue < 0.05)


@given(st.integers(20, 400), st.floats(0.0, 1.0))
@settings(max_examples=40)
def test_a_proportion_of_independent_items_gets_wilsons_interval(num_items: int, share: float) -> None:
    right = round(share * num_items)
    value = right / num_items
    low, high = Uncertainty(value * (1 - value) / num_items, 1e6).proportion_ends(value, num_items)
    wilson = binomial_interval(right, num_items)
    assert (low, high) == pytest.approx((min(wilson.low, value), max(wilson.high, value)), abs=1e-6)


@pytest.mark.parametrize("num_items", [10, 47, 210])
def test_outcomes_that_are_all_alike_get_wilsons_interval_where_seeds_add_nothing(num_items: int) -> None:
    for right in (0, num_items):
        for parts in ([], [part(-0.01, 0.01, 1)]):
            found = one([right / num_items] * num_items, *parts).uncertainty([1.0])
            ends = found.proportion_ends(right / num_items, num_items)
            wilson = binomial_interval(right, num_items)
            assert ends == pytest.approx((wilson.low, wilson.high), abs=1e-6)


def test_the_end_of_an_extreme_is_where_items_and_seeds_together_allow_it() -> None:
    """By hand: the value lies Student's quantile below the end, with variance and freedom as they are at the end."""
    found = one([0.0] * 50, part(0.002, 0.003, 1)).uncertainty([1.0])
    low, end = found.proportion_ends(0.0, 50)
    variance = end * (1 - end) / 50 + 0.002
    quantile = stats.t.ppf(0.975, max(1.0, variance**2 / 0.003**2))
    assert low == 0 and end == pytest.approx(quantile * np.sqrt(variance), rel=1e-5)
    mirrored = one([1.0] * 50, part(0.002, 0.003, 1)).uncertainty([1.0]).proportion_ends(1.0, 50)
    assert mirrored == pytest.approx((1 - end, 1.0))
    percent = one([0.0] * 50, part(20.0, 30.0, 1)).uncertainty([1.0]).scaled(0.01)
    assert percent.proportion_ends(0.0, 50) == pytest.approx((0.0, end))


def test_few_degrees_of_freedom_count_at_an_extreme_by_the_part_of_the_seeds() -> None:
    """Student's quantile of one degree of freedom, 12.7, is for a variance that seeds alone make."""
    ends = [
        one([0.0] * 100, part(v, 1.5 * v, 1)).uncertainty([1.0]).proportion_ends(0.0, 100)[1]
        for v in (1e-6, 1e-4, 1e-2)
    ]
    assert ends == sorted(ends)
    assert ends[0] == pytest.approx(binomial_interval(0, 100).high, abs=1e-3)
    assert ends[1] < 0.1 and ends[2] == 1.0


def test_ends_are_students() -> None:
    low, high = Uncertainty(0.04, 5).ends(1.0)
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 5, 1.0, 0.2))
    assert Uncertainty(0.0, 5).proportion_ends(0.5, 48) == (0.5, 0.5)


def test_the_detectable_effect_is_found_as_often_as_it_says() -> None:
    found = Uncertainty(0.01, 1e6)
    estimates = found.detectable(power=0.8) + 0.1 * np.random.default_rng(0).normal(size=20_000)
    assert np.mean([found.ends(float(value))[0] > 0 for value in estimates]) == pytest.approx(0.8, abs=0.02)


def test_draws_have_the_covariance_and_functions_of_them_the_intervals() -> None:
    outcomes = np.random.default_rng(1).random((3, 1, 50))
    seeds = [SeedPart(0.002 * (np.eye(3) + 0.5), 0.003 * np.eye(3), 8)]
    joint = JointMeans(outcomes.mean(axis=(1, 2)), [ItemMeans.of(range(3), list(outcomes))], seeds)
    drawn = joint.draw(50_000)
    assert drawn.mean(axis=0) == pytest.approx(joint.values, abs=2e-3)
    linear = joint.function_ends(lambda means: means[:, 0] - means[:, 1], num_draws=50_000)
    assert linear == pytest.approx(joint.uncertainty([1, -1, 0]).ends(joint.values[0] - joint.values[1]), abs=0.02)
    low, high = joint.function_ends(lambda means: means.max(axis=1))
    assert low < joint.values.max() < high


def test_without_items_and_seeds_nothing_varies() -> None:
    joint = JointMeans(np.array([1.0]))
    assert not joint.has_spread and joint.num_items == 0 and joint.uncertainty([1.0]).variance == 0


def test_draws_of_training_items_count_their_interaction_once() -> None:
    rng, hits, twice = np.random.default_rng(2), 0, 0
    for _ in range(600):
        ease = rng.normal(size=80)
        outcomes = (ease + rng.normal(size=(5, 80)) < 0.0).astype(float)
        found = proportion_over_draws(outcomes)
        hits += found.low <= 0.5 <= found.high
        naive = np.sqrt(outcomes.mean(axis=0).var(ddof=1) / 80 + outcomes.mean(axis=1).var(ddof=1) / 5)
        twice += abs(found.value - 0.5) <= stats.t.ppf(0.975, 20) * naive
    assert 0.925 <= hits / 600 <= 0.975 < twice / 600
    assert (found.num_items, found.num_seeds) == (80, 5)


@given(st.lists(st.floats(0, 1), min_size=4, max_size=6, unique=True))
@settings(max_examples=25)
def test_rank_correlation_is_scipys(levels: list[float]) -> None:
    x = np.arange(len(levels))
    expected = stats.spearmanr(x, levels).statistic
    assert rank_correlation(x, np.array([levels, levels])) == pytest.approx([expected, expected])


def test_rank_correlation_of_equal_numbers_is_zero() -> None:
    assert rank_correlation([1, 2, 3], np.ones((2, 3))).tolist() == [0, 0]


@pytest.mark.parametrize(
    "call",
    [
        lambda: rank_correlation([1, 1, 1], np.ones((2, 3))),
        lambda: rank_correlation([1, 2], np.ones((2, 2))),
        lambda: ItemMeans.of([0, 1], [np.zeros((1, 3)), np.zeros((1, 4))]),
        lambda: ItemMeans.of([0], [np.full((1, 3), np.nan)]),
        lambda: Uncertainty(1.0, 3).ends(0.0, confidence=1.5),
        lambda: proportion_over_draws(np.zeros(4)),
    ],
)
def test_bad_input_raises_a_named_error(call: Callable[[], object]) -> None:
    with pytest.raises(EvaluationError):
        call()
