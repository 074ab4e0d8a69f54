"""The spread of seeds against the analysis of variance by hand, Student's t and simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from concord3d.errors import EvaluationError
from concord3d.statistics.seed_spread import SeedSpread


def test_own_part_is_the_residual_of_a_two_way_analysis_of_variance() -> None:
    means = np.random.default_rng(0).normal(size=(4, 3, 1))
    residual = sum(
        (means[e, r, 0] - means[e, :, 0].mean() - means[:, r, 0].mean() + means[..., 0].mean()) ** 2
        for e in range(4)
        for r in range(3)
    )
    spread = SeedSpread.of(means)
    assert spread.freedom == 6 and spread.own[0, 0] == pytest.approx(residual / 6)
    of_seeds = means[..., 0].mean(axis=0).var(ddof=1)
    assert spread.common[0, 0] == pytest.approx(of_seeds - spread.own[0, 0] / 4)


def test_one_experiment_alone_gives_students_interval() -> None:
    means = np.array([0.5, 0.6, 0.55])[None, :, None]
    drawn = SeedSpread.of(means).draw(1, 200_000, np.random.default_rng(1))[:, 0, 0]
    half = stats.t.ppf(0.975, 2) * means.std(ddof=1) / np.sqrt(3)
    assert np.quantile(drawn, [0.025, 0.975]) == pytest.approx([-half, half], rel=0.03)


def test_what_all_experiments_of_a_seed_share_cancels_in_their_difference() -> None:
    means = np.array([0.0, 0.1, 0.3])[None, :, None] + np.array([0.2, 0.5])[:, None, None]
    drawn = SeedSpread.of(means).draw(2, 500, np.random.default_rng(2))[:, :, 0]
    assert np.ptp(drawn[:, 0] - drawn[:, 1]) < 1e-12 and np.ptp(drawn[:, 0]) > 0.1


def test_two_quantities_of_a_training_deviate_together() -> None:
    rng = np.random.default_rng(3)
    first = rng.normal(size=(6, 4, 1))
    means = np.concatenate([first, 2 * first], axis=2)
    drawn = SeedSpread.of(means).draw(3, 500, rng)
    assert drawn.shape == (500, 3, 2) and np.allclose(drawn[..., 1], 2 * drawn[..., 0])
    assert abs(np.corrcoef(drawn[:, 0, 0], drawn[:, 1, 0])[0, 1]) < 0.5


@pytest.mark.parametrize("num_seeds", [2, 3])
@pytest.mark.parametrize(("common", "own"), [(0.0, 1.0), (1.0, 1.0), (1.0, 0.2)])
def test_intervals_cover_the_truth(num_seeds: int, common: float, own: float) -> None:
    rng, trials, of_one, of_difference = np.random.default_rng(4), 400, 0, 0
    for _ in range(trials):
        means = common * rng.normal(size=(1, num_seeds, 1)) + own * rng.normal(size=(6, num_seeds, 1))
        drawn = means[:2].mean(axis=1)[None, :, 0] + SeedSpread.of(means).draw(2, 1000, rng)[..., 0]
        low, high = np.quantile(drawn[:, 0], [0.025, 0.975])
        of_one += low <= 0 <= high
        low, high = np.quantile(drawn[:, 0] - drawn[:, 1], [0.025, 0.975])
        of_difference += low <= 0 <= high
    assert 0.92 <= of_one / trials <= 0.995
    assert 0.92 <= of_difference / trials <= 0.98


def test_one_seed_has_no_spread() -> None:
    with pytest.raises(EvaluationError, match="One seed"):
        SeedSpread.of(np.zeros((3, 1, 1)))
