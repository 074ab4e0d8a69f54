"""How far the mean over seeds may lie from the truth: pools, what is drawn together, and simulated coverage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from concord3d.reporting.evidence.estimates import Address, Results
from concord3d.reporting.evidence.measurements import Evaluation, Measurement

NUM_SEEDS = 2
SEEDS = tuple(range(1, NUM_SEEDS + 1))


def results_of(values: Mapping[tuple[str, str], NDArray[np.float64]], trained: frozenset[str]) -> Results:
    """Make results from (R,) values by experiment and metric."""
    evaluations = []
    for name, seed in sorted({(name, seed) for name, _ in values for seed in SEEDS}):
        rows = tuple(
            Measurement(
                name, name, seed, "demo", "real", "set", "protocol", metric, value[seed - 1], 9, 0, 0, "last", ""
            )
            for (experiment, metric), value in values.items()
            if experiment == name
        )
        evaluations.append(Evaluation(Path("none"), rows, {}, {}, (), {}))
    return Results("demo", tuple(evaluations), {}, (), trained=trained)


def address(experiment: str, metric: str = "accuracy") -> Address:
    return Address(experiment, "set", "protocol", metric)


def test_trained_experiments_share_a_spread_and_untrained_ones_have_their_own() -> None:
    trained = frozenset("abcde")
    values = {(name, "accuracy"): np.array([50.0, 50.0 + 2 * (-1) ** n]) for n, name in enumerate("abcde")}
    values[("untrained", "accuracy")] = np.array([10.0, 10.0])
    leaves = [address("a"), address("untrained")]
    drawn = results_of(values, trained).seed_deviations(leaves, SEEDS, 2000)
    assert drawn.shape == (2000, 2) and np.ptp(drawn[:, 0]) > 1 and np.ptp(drawn[:, 1]) == 0
    alone = results_of(values, frozenset()).seed_deviations(leaves, SEEDS, 2000)
    quantiles = [np.quantile(found[:, 0], 0.975) for found in (drawn, alone)]
    assert quantiles[0] < 0.5 * quantiles[1]


def test_two_metrics_of_a_training_deviate_together() -> None:
    rng = np.random.default_rng(0)
    values = {}
    for name in "abcd":
        values[name, "accuracy"] = rng.normal(size=NUM_SEEDS)
        values[name, "twice"] = 2 * values[name, "accuracy"]
    found = results_of(values, frozenset("abcd"))
    drawn = found.seed_deviations([address("a"), address("a", "twice")], SEEDS, 500)
    assert np.allclose(drawn[:, 1], 2 * drawn[:, 0]) and np.ptp(drawn[:, 0]) > 0


def test_metrics_that_not_all_have_are_drawn_each_by_itself() -> None:
    rng = np.random.default_rng(0)
    values = {(name, "accuracy"): rng.normal(size=NUM_SEEDS) for name in "abc"}
    values["a", "other"] = rng.normal(size=NUM_SEEDS)
    drawn = results_of(values, frozenset("abc")).seed_deviations([address("b"), address("a", "other")], SEEDS, 2000)
    assert (np.ptp(drawn, axis=0) > 0).all() and abs(np.corrcoef(np.clip(drawn, -3, 3).T)[0, 1]) < 0.1


def test_one_seed_does_not_deviate() -> None:
    found = results_of({("a", "accuracy"): np.array([1.0, 2.0])}, frozenset("a"))
    assert not found.seed_deviations([address("a")], (1,), 10).any()


@pytest.mark.parametrize(("left", "right"), [("a", "b"), ("a", "untrained")])
def test_differences_cover_the_truth(left: str, right: str) -> None:
    rng, hits, trials = np.random.default_rng(1), 0, 300
    for _ in range(trials):
        common = rng.normal(size=NUM_SEEDS)
        values = {(name, "accuracy"): common + 0.2 * rng.normal(size=NUM_SEEDS) for name in "abcde"}
        values["untrained", "accuracy"] = 0.2 * rng.normal(size=NUM_SEEDS)
        found = results_of(values, frozenset("abcde"))
        drawn = found.seed_deviations([address(left), address(right)], SEEDS, 1000)
        difference = values[left, "accuracy"].mean() - values[right, "accuracy"].mean()
        low, high = np.quantile(difference + drawn[:, 0] - drawn[:, 1], [0.025, 0.975])
        hits += low <= 0 <= high
    assert hits / trials >= 0.92
