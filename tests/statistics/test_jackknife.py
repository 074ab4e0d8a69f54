"""Outcomes of groups for numbers that are no means: what they are for a mean, and their variance for a ratio."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.errors import EvaluationError
from concord3d.statistics.jackknife import jackknife_interval, jackknife_outcomes, sums_without_each


def test_a_mean_gets_its_own_outcomes_back() -> None:
    values = np.random.default_rng(0).random(9)
    np.testing.assert_allclose(jackknife_outcomes(values.mean(), sums_without_each(values) / 8), values)


def test_a_ratio_keeps_its_value_and_gets_the_variance_of_the_jackknife() -> None:
    rng = np.random.default_rng(1)
    under = rng.integers(1, 50, 30)
    over = rng.binomial(under, 0.4)
    without = sums_without_each(over) / sums_without_each(under)
    outcomes = jackknife_outcomes(over.sum() / under.sum(), without)
    assert outcomes.mean() == pytest.approx(over.sum() / under.sum(), abs=1e-12)
    literal = 29 / 30 * sum((each - without.mean()) ** 2 for each in without)
    assert outcomes.var(ddof=1) / 30 == pytest.approx(literal)
    # The linear theory of a ratio.
    residuals = (over - over.sum() / under.sum() * under) / under.sum()
    assert literal == pytest.approx((residuals**2).sum(), rel=0.15)


def test_the_interval_is_wilsons_and_stays_between_0_and_1() -> None:
    few = jackknife_interval([0.9, 1.0, 0.7, 1.2, 0.95])
    assert few.value == pytest.approx(0.95) and 0 < few.low < few.value < few.high <= 1
    assert (few.num_items, few.basis) == (5, "items")
    many = jackknife_interval(np.tile([0.9, 1.0, 0.7, 1.2, 0.95], 20))
    assert many.high - many.low < 0.3 * (few.high - few.low)


def test_one_group_has_no_spread() -> None:
    for refused in (lambda: jackknife_outcomes(0.5, [0.4]), lambda: jackknife_interval([0.4])):
        with pytest.raises(EvaluationError, match=r"(?s)One group has no spread.*two or more"):
            refused()
    with pytest.raises(EvaluationError, match="not finite"):
        jackknife_outcomes(0.5, [0.4, np.nan])
