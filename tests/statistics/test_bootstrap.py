"""The bootstrap over items against closed forms and literal resampling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from concord3d.errors import EvaluationError
from concord3d.statistics.bootstrap import bootstrap_mean_interval, bootstrap_means
from concord3d.statistics.intervals import binomial_interval


def test_bootstrap_means_equal_a_literal_resampling() -> None:
    outcomes = np.random.default_rng(3).random(17)
    items = np.random.default_rng(np.random.SeedSequence(5).spawn(2)[1]).integers(17, size=(40, 17))
    literal = [np.mean([outcomes[s] for s in row]) for row in items]
    assert bootstrap_means(outcomes, num_resamples=40, seed=5) == pytest.approx(literal)


def test_resampled_items_have_the_variance_of_drawing_with_replacement() -> None:
    rng = np.random.default_rng(4)
    correct = (rng.random(300) < 0.7).astype(float)
    patterns = bootstrap_means(correct, num_resamples=20_000)
    literal = correct[rng.integers(300, size=(20_000, 300))].mean(axis=1)
    assert patterns.mean() == pytest.approx(literal.mean(), abs=1e-3)
    assert patterns.std() == pytest.approx(literal.std(), rel=0.03)


def test_bootstrap_agrees_with_wilson_on_one_seed() -> None:
    correct = np.zeros(2000)
    correct[:1800] = 1
    boot, wilson = bootstrap_mean_interval(correct), binomial_interval(1800, 2000)
    assert boot.low == pytest.approx(wilson.low, abs=2e-3) and boot.high == pytest.approx(wilson.high, abs=2e-3)
    assert boot.basis == "items" and boot.num_seeds == 1


def test_same_seed_same_interval_and_another_seed_another() -> None:
    outcomes = np.random.default_rng(1).random(60)
    first = bootstrap_mean_interval(outcomes, seed=4)
    assert first == bootstrap_mean_interval(outcomes, seed=4)
    assert first != bootstrap_mean_interval(outcomes, seed=5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: bootstrap_mean_interval(np.zeros(0)),
        lambda: bootstrap_mean_interval(np.zeros((2, 3))),
        lambda: bootstrap_mean_interval([0.5, np.nan]),
        lambda: bootstrap_mean_interval([0.5, 0.6], confidence=1.5),
    ],
)
def test_bad_outcomes_raise_a_named_error(call: Callable[[], object]) -> None:
    with pytest.raises(EvaluationError):
        call()
