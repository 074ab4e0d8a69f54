"""The bootstrap against closed forms, literal resampling and simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy import stats

from concord3d.errors import EvaluationError
from concord3d.statistics.bootstrap import (
    bootstrap_mean_interval,
    bootstrap_means,
    proportion_interval,
    spearman_interval,
    statistic_interval,
)
from concord3d.statistics.intervals import Interval, binomial_interval, class_mean_interval, seed_interval
from concord3d.statistics.seed_spread import SeedSpread


def paired_difference(lhs: ArrayLike, rhs: ArrayLike, num_resamples: int = 10_000, seed: int = 0) -> Interval:
    """Compare two arms, each (S,) or (R, S)."""
    arms = np.stack([np.atleast_2d(lhs), np.atleast_2d(rhs)])
    return statistic_interval(lambda means: means[:, 0] - means[:, 1], arms, num_resamples=num_resamples, seed=seed)


def test_bootstrap_means_equal_a_literal_resampling() -> None:
    rng = np.random.default_rng(3)
    outcomes, deviations = rng.random((2, 3, 17)), rng.normal(size=(40, 2))
    fast = bootstrap_means(outcomes, num_resamples=40, seed=5, deviations=deviations)
    items = np.random.default_rng(np.random.SeedSequence(5).spawn(2)[1]).integers(17, size=(40, 17))
    for b in range(40):
        for arm in range(2):
            drawn = np.mean([outcomes[arm, r, s] for s in items[b] for r in range(3)])
            assert fast[b, arm] == pytest.approx(drawn + deviations[b, arm])


def test_seeds_deviate_by_the_spread_of_the_arms_at_hand() -> None:
    outcomes = np.random.default_rng(3).random((4, 3, 17))
    rng = np.random.default_rng(np.random.SeedSequence(5).spawn(1)[0])
    deviations = SeedSpread.of(outcomes.mean(axis=2)[:, :, None]).draw(4, 40, rng)[:, :, 0]
    by_hand = bootstrap_means(outcomes, 40, seed=5, deviations=deviations)
    assert np.array_equal(bootstrap_means(outcomes, 40, seed=5), by_hand)


def test_resampled_items_have_the_variance_of_drawing_with_replacement() -> None:
    rng = np.random.default_rng(4)
    correct = (rng.random((1, 1, 300)) < 0.7).astype(float)
    patterns = bootstrap_means(correct, num_resamples=20_000)[:, 0]
    literal = correct[0, 0][rng.integers(300, size=(20_000, 300))].mean(axis=1)
    assert patterns.mean() == pytest.approx(literal.mean(), abs=1e-3)
    assert patterns.std() == pytest.approx(literal.std(), rel=0.03)


@pytest.mark.parametrize("effects", [[0.50, 0.56], [0.50, 0.56, 0.71], [0.5, 0.6, 0.55, 0.62, 0.7]])
def test_seed_effects_alone_give_students_interval(effects: list[float]) -> None:
    outcomes = np.repeat(np.array(effects)[:, None], 50, axis=1)
    found, student = bootstrap_mean_interval(outcomes, num_resamples=200_000), seed_interval(effects)
    assert found.high - found.value == pytest.approx(student.high - student.value, rel=0.05)
    assert found.value - found.low == pytest.approx(student.value - student.low, rel=0.05)


@pytest.mark.parametrize("num_seeds", [2, 3, 5])
def test_interval_over_few_seeds_covers_the_truth(num_seeds: int) -> None:
    rng, hits = np.random.default_rng(num_seeds), 0
    for trial in range(200):
        outcomes = 0.5 + 0.05 * rng.normal(size=(num_seeds, 1)) + 0.05 * rng.normal(size=(num_seeds, 60))
        interval = bootstrap_mean_interval(outcomes, num_resamples=1000, seed=trial)
        hits += interval.low <= 0.5 <= interval.high
    assert hits / 200 >= 0.9


def test_outcomes_all_alike_get_wilsons_interval() -> None:
    interval = proportion_interval(np.ones((2, 48)))
    assert (interval.value, interval.high) == (1, 1) and interval.low == binomial_interval(48, 48).low
    assert proportion_interval(np.full(48, 0.5)).low == 0.5


def test_bootstrap_agrees_with_wilson_on_one_seed() -> None:
    correct = np.zeros(2000)
    correct[:1800] = 1
    boot, wilson = bootstrap_mean_interval(correct), binomial_interval(1800, 2000)
    assert boot.low == pytest.approx(wilson.low, abs=2e-3) and boot.high == pytest.approx(wilson.high, abs=2e-3)
    assert boot.basis == "items" and boot.num_seeds == 1


def test_pairing_narrows_the_interval_of_a_difference() -> None:
    rng = np.random.default_rng(0)
    lhs = (rng.random(1000) < 0.8).astype(float)
    rhs = lhs.copy()
    rhs[:20] = 0
    paired = paired_difference(lhs, rhs)
    unpaired = paired_difference(lhs, rng.permutation(rhs))
    assert paired.value == pytest.approx(unpaired.value)
    assert paired.high - paired.low < 0.5 * (unpaired.high - unpaired.low)
    assert paired.low > 0 >= unpaired.low


def test_paired_difference_of_equal_outcomes_is_zero() -> None:
    outcomes = np.random.default_rng(1).random((3, 50))
    interval = paired_difference(outcomes, outcomes)
    assert (interval.value, interval.low, interval.high) == (0, 0, 0)
    assert interval.basis == "items and seeds"


def test_paired_difference_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    hits = 0
    for trial in range(200):
        difficulty = rng.normal(size=150)
        lhs = (difficulty + rng.normal(size=150) < 0.6).astype(float)
        rhs = (difficulty + rng.normal(size=150) < 0.4).astype(float)
        truth = stats.norm.cdf(0.6 / np.sqrt(2)) - stats.norm.cdf(0.4 / np.sqrt(2))
        interval = paired_difference(lhs, rhs, num_resamples=1000, seed=trial)
        hits += interval.low <= truth <= interval.high
    assert 0.89 <= hits / 200 <= 0.99


def test_same_seed_same_interval_and_another_seed_another() -> None:
    outcomes = np.random.default_rng(1).random((2, 60))
    first = bootstrap_mean_interval(outcomes, seed=4)
    assert first == bootstrap_mean_interval(outcomes, seed=4)
    assert first != bootstrap_mean_interval(outcomes, seed=5)


def test_data_sets_share_the_draw_of_seeds_and_not_that_of_items() -> None:
    # An effect of the seed that is the same on both data sets cancels exactly if and only if its draw is shared.
    effect = np.array([0.0, 0.1, 0.3])[None, :, None]
    first = bootstrap_means(np.full((1, 3, 40), 0.6) + effect, 500, item_stream=0)[:, 0]
    second = bootstrap_means(np.full((1, 3, 70), 0.7) + effect, 500, item_stream=1)[:, 0]
    assert np.ptp(second - first) < 1e-12 and np.ptp(first) > 0.1
    outcomes = np.random.default_rng(0).random((1, 1, 200))
    draws = [bootstrap_means(outcomes, 2000, item_stream=stream)[:, 0] for stream in (0, 0, 1)]
    assert np.array_equal(draws[0], draws[1])
    assert abs(np.corrcoef(draws[0], draws[2])[0, 1]) < 0.1


def test_statistic_interval_takes_the_maximum_of_arms() -> None:
    outcomes = np.stack([np.full((2, 30), 0.9), np.full((2, 30), 0.7), np.full((2, 30), 0.8)])
    interval = statistic_interval(lambda m: m[:, 0] - m[:, 1:].max(axis=1), outcomes)
    assert interval.value == pytest.approx(0.1) and interval.low == pytest.approx(0.1)


def test_spearman_of_a_rising_and_a_falling_series() -> None:
    rng = np.random.default_rng(2)
    levels = np.array([0.2, 0.4, 0.6, 0.8])
    outcomes = (rng.random((4, 5, 400)) < levels[:, None, None]).astype(float)
    rising = spearman_interval([1, 2, 3, 4], outcomes)
    falling = spearman_interval([4, 3, 2, 1], outcomes)
    assert rising.value == pytest.approx(1) and rising.low > 0.9
    assert falling.value == pytest.approx(-1) and falling.high < -0.9


@given(st.lists(st.floats(0, 1), min_size=4, max_size=6, unique=True))
@settings(max_examples=25)
def test_spearman_point_estimate_is_scipys(levels: list[float]) -> None:
    outcomes = np.repeat(np.array(levels)[:, None, None], 3, axis=2)
    x = np.arange(len(levels))
    expected = stats.spearmanr(x, outcomes.mean(axis=(1, 2))).statistic
    assert spearman_interval(x, outcomes, num_resamples=10).value == pytest.approx(expected)


def test_spearman_of_equal_arms_is_zero() -> None:
    interval = spearman_interval([1, 2, 3], np.ones((3, 1, 20)))
    assert (interval.value, interval.low, interval.high) == (0, 0, 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: bootstrap_mean_interval(np.zeros(0)),
        lambda: bootstrap_mean_interval([0.5, np.nan]),
        lambda: paired_difference([1.0, np.inf], [1.0, 0.0]),
        lambda: spearman_interval([1, 1, 1], np.ones((3, 1, 4))),
        lambda: spearman_interval([1, 2], np.ones((2, 1, 4))),
        lambda: class_mean_interval([1.0], [0, 1]),
        lambda: bootstrap_mean_interval([0.5, 0.6], confidence=1.5),
    ],
)
def test_bad_outcomes_raise_a_named_error(call: Callable[[], object]) -> None:
    with pytest.raises(EvaluationError):
        call()
