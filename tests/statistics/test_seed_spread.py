"""The spread of seeds against the analysis of variance by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.statistics.seed_spread import SeedPart, SeedSpread

FloatArray = NDArray[np.float64]


def balanced(outcomes: FloatArray) -> SeedSpread:
    """Estimate from (E, R, S) outcomes in one way."""
    num_experiments, num_seeds, num_items = outcomes.shape
    names = np.repeat([f"e{n}" for n in range(num_experiments)], num_seeds).tolist()
    return SeedSpread.of(names, [*range(num_seeds)] * num_experiments, [outcomes.reshape(-1, num_items)], [0])


def two_way(table: FloatArray) -> tuple[float, float]:
    """Return the residual sum of squares of (E, R) numbers, and the sum within rows, by hand."""
    rows, columns = table.shape
    residual = sum(
        (table[e, r] - table[e].mean() - table[:, r].mean() + table.mean()) ** 2
        for e in range(rows)
        for r in range(columns)
    )
    within = sum((table[e, r] - table[e].mean()) ** 2 for e in range(rows) for r in range(columns))
    return residual, within


def test_mean_squares_are_those_of_a_two_way_analysis_of_variance() -> None:
    outcomes = np.random.default_rng(0).normal(size=(4, 3, 7))
    residual, within = two_way(outcomes.mean(axis=2))
    spread = balanced(outcomes)
    assert (spread.own.freedom, spread.shared.freedom, spread.freedom) == (6, 2, 8)
    assert spread.own.total[0, 0] == pytest.approx(residual / 6)
    assert spread.shared.total[0, 0] == pytest.approx((within - residual) / 2)


def test_noise_of_the_own_part_is_the_mean_square_of_the_threefold_residual() -> None:
    outcomes = np.random.default_rng(1).normal(size=(3, 4, 9))
    by_item = outcomes - outcomes.mean(axis=2, keepdims=True)
    literal = sum(two_way(by_item[:, :, i])[0] for i in range(9)) / (9 * 8)
    assert balanced(outcomes).own.noise[0, 0] == pytest.approx(literal / 6)


def test_noise_is_what_items_add() -> None:
    rng, found = np.random.default_rng(2), []
    for _ in range(400):
        deviations = 0.1 * rng.normal(size=(3, 4, 1)) + 0.2 * rng.normal(size=(1, 4, 1))
        spread = balanced(deviations + rng.normal(size=(1, 1, 30)) + rng.normal(size=(3, 4, 30)))
        found.append([spread.own.total[0, 0] - spread.own.noise[0, 0], spread.own.noise[0, 0],
                      spread.shared.total[0, 0] - spread.shared.noise[0, 0]])  # fmt: skip
    own, noise, shared = np.mean(found, axis=0)
    assert noise == pytest.approx(1 / 30, rel=0.05)
    assert own == pytest.approx(0.01, abs=0.003)
    # A seed's part counts once in each of the three experiments.
    assert shared == pytest.approx(0.01 + 3 * 0.04, abs=0.02)


def test_unequal_numbers_of_seeds_equal_least_squares() -> None:
    rng = np.random.default_rng(3)
    names, seeds = ["a", "a", "a", "b", "b", "c"], [1, 2, 3, 1, 2, 2]
    outcomes = rng.normal(size=(6, 5))
    spread = SeedSpread.of(names, seeds, [outcomes], [0])
    means = outcomes.mean(axis=1)
    of_name, of_seed = np.array(names)[:, None] == list("abc"), np.array(seeds)[:, None] == [1, 2, 3]
    design = np.concatenate([of_name, of_seed], axis=1).astype(float)
    residual = means - design @ np.linalg.lstsq(design, means, rcond=None)[0]
    assert (spread.own.freedom, spread.freedom) == (1, 3)
    assert spread.own.total[0, 0] == pytest.approx((residual**2).sum())
    within = sum(((means[column] - means[column].mean()) ** 2).sum() for column in of_name.T)
    assert spread.shared.total[0, 0] == pytest.approx((within - (residual**2).sum()) / 2)


def variance(parts: list[SeedPart], weights: list[float]) -> float:
    w = np.array(weights)
    return float(sum(w @ part.scale @ w for part in parts))


def test_one_experiment_alone_has_the_variance_of_its_mean() -> None:
    outcomes = np.random.default_rng(4).normal(size=(1, 3, 6))
    spread = balanced(outcomes)
    parts = spread.parts(["e0"], [0], [[0, 1, 2]])
    assert variance(parts, [1.0]) == pytest.approx(outcomes.mean(axis=2).var(ddof=1) / 3)
    assert [part.freedom for part in parts] == [2]


def test_a_mean_has_the_pooled_variance_and_a_difference_that_of_the_own_parts() -> None:
    outcomes = np.random.default_rng(5).normal(size=(4, 3, 6))
    residual, within = two_way(outcomes.mean(axis=2))
    parts = balanced(outcomes).parts(["e0", "e2"], [0, 0], [range(3), range(3)])
    assert variance(parts, [1.0, 0.0]) == pytest.approx(within / 8 / 3)
    assert variance(parts, [1.0, -1.0]) == pytest.approx(2 * residual / 6 / 3)


def test_what_all_experiments_of_a_seed_share_cancels_in_their_difference_and_not_across_seeds() -> None:
    shared = np.random.default_rng(6).normal(size=(1, 4, 1)) * np.ones((3, 4, 5))
    spread = balanced(shared)
    same = spread.parts(["e0", "e1"], [0, 0], [[0, 1], [0, 1]])
    assert variance(same, [1.0, -1.0]) == pytest.approx(0, abs=1e-12)
    other = spread.parts(["e0", "e1"], [0, 0], [[0, 1], [2, 3]])
    assert variance(other, [1.0, -1.0]) == pytest.approx(shared[0, :, 0].var(ddof=1))


def test_two_ways_of_measuring_deviate_together() -> None:
    first = np.random.default_rng(7).normal(size=(6, 8))
    names, seeds = ["a", "a", "b", "b", "c", "c"], [1, 2] * 3
    spread = SeedSpread.of(names, seeds, [first, 2 * first], [0, 0])
    parts = spread.parts(["a", "a"], [0, 1], [[1, 2], [1, 2]])
    assert variance(parts, [2.0, -1.0]) == pytest.approx(0, abs=1e-12)
    assert spread.own.noise[0, 1] == pytest.approx(2 * spread.own.noise[0, 0]) and spread.own.noise[0, 0] > 0
    apart = SeedSpread.of(names, seeds, [first, 2 * first], [0, 1])
    assert apart.own.noise[0, 1] == 0, "items of two data sets are independent"


def test_parts_that_cannot_be_told_apart_do_not_cancel() -> None:
    means = np.array([[0.0], [1.0], [0.5]])
    spread = SeedSpread.of(["a", "a", "b"], [1, 2, 1], [means], [0])
    assert (spread.own.freedom, spread.freedom) == (0, 1)
    parts = spread.parts(["a", "b"], [0, 0], [[1, 2], [1]])
    assert variance(parts, [1.0, -1.0]) == pytest.approx(0.5 * (1 / 2 + 1))


def test_one_seed_everywhere_tells_nothing() -> None:
    spread = SeedSpread.of(["a", "b"], [1, 1], [np.zeros((2, 4))], [0])
    assert spread.freedom == 0 and spread.parts(["a"], [0], [[1]]) == []


def test_trainings_and_outcomes_must_agree_in_number() -> None:
    with pytest.raises(EvaluationError, match="differ in number"):
        SeedSpread.of(["a", "b"], [1, 1], [np.zeros((3, 4))], [0])
