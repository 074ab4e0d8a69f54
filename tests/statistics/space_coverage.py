"""How often intervals of numbers on scans cover the truth: ``python -m tests.statistics.space_coverage``.

Two methods search scans of spaces that were recorded one to five times. How hard a space is, and what each method has
of its own in it, is the same in all its scans. The intervals are those over spaces
(:mod:`concord3d.statistics.clusters`), beside those that take scans for independent. The second number is a mean over
eight types of spaces, as the recall within scene types is.

Shape legend: G spaces, N scans.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from concord3d.statistics.clusters import class_mean_cluster_outcomes, cluster_outcomes
from concord3d.statistics.jackknife import jackknife_interval
from concord3d.statistics.joint_means import ItemMeans, JointMeans

FloatArray = NDArray[np.float64]
# In log odds: how easy spaces are, how much they differ, what each method has of its own, by how much one is better.
EASE, SPREAD, OWN, GAIN = -0.4, 1.2, 0.7, 0.5
NUM_TYPES = 8
COLUMNS = ("one", "difference", "mean over types", "one, scans", "difference, scans")


def drawn(num_spaces: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64], list[FloatArray]]:
    """Return the space (N,) and the type (N,) of each scan, and (N,) outcomes 0 or 1 of both methods."""
    space = np.repeat(np.arange(num_spaces), rng.integers(1, 6, num_spaces))
    types = np.arange(num_spaces) % NUM_TYPES
    ease = EASE + SPREAD * rng.normal(size=num_spaces) + 0.3 * (types - NUM_TYPES / 2)
    methods = [ease + gain + OWN * rng.normal(size=num_spaces) for gain in (0.0, GAIN)]
    outcomes = [(rng.random(len(space)) < expit(method[space])).astype(float) for method in methods]
    return space, types[space], outcomes


def simulate(num_spaces: int, replicates: int, seed: int = 0) -> dict[str, float]:
    """Return the share of intervals that cover the truth, in percent, by column.

    Args:
        num_spaces: G.
        replicates: Tests.
        seed: Seed of all of them.
    """
    rng = np.random.default_rng([seed, num_spaces])
    _, types, many = drawn(400_000, rng)
    truth = [float(each.mean()) for each in many]
    by_type = float(np.mean([many[0][types == each].mean() for each in range(NUM_TYPES)]))
    hits = []
    for _ in range(replicates):
        space, types, outcomes = drawn(num_spaces, rng)
        clusters = space.astype(str).tolist()
        row = []
        for of_units in ([cluster_outcomes(each, clusters)[1] for each in outcomes], outcomes):
            one = jackknife_interval(of_units[0])
            means = JointMeans(
                np.array([y.mean() for y in of_units]), [ItemMeans.of([0, 1], [y[None] for y in of_units])]
            )
            low, high = means.uncertainty([-1, 1]).ends(float(means.values[1] - means.values[0]))
            row += [one.low <= truth[0] <= one.high, low <= truth[1] - truth[0] <= high]
        over_types = jackknife_interval(class_mean_cluster_outcomes(outcomes[0], types, clusters)[1])
        hits.append([*row[:2], over_types.low <= by_type <= over_types.high, *row[2:]])
    return {name: float(share) for name, share in zip(COLUMNS, 100 * np.mean(hits, axis=0), strict=True)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=1000)
    replicates = parser.parse_args().replicates
    print(f"| spaces | {' | '.join(COLUMNS)} |\n|{' --- |' * (1 + len(COLUMNS))}")
    for num_spaces in (10, 20, 47, 142):
        found = simulate(num_spaces, replicates)
        print(f"| {num_spaces} | {' | '.join(f'{found[name]:.1f}' for name in COLUMNS)} |")


if __name__ == "__main__":
    main()
