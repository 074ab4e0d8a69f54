"""How often intervals of mIoU over scenes cover the truth: ``python -m tests.statistics.scene_coverage``.

Two segmenters label the same scenes. Classes occur in 10 to 100 % of the scenes, in sizes that vary by a factor of e;
how hard a class is varies from scene to scene, the same for both segmenters but for a part of their own. The intervals
are those of :mod:`concord3d.statistics.jackknife`, beside percentiles of scenes that are drawn with replacement.

Shape legend: G scenes, K classes.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from concord3d.measures.sweep_confusion import SceneConfusions, mean_iou
from concord3d.statistics.jackknife import jackknife_interval
from concord3d.statistics.joint_means import ItemMeans, JointMeans

FloatArray = NDArray[np.float64]
PRESENCE = np.array([0.3, 0.15, 0.15, 0.95, 0.1, 0.15, 0.6, 0.3, 0.12, 0.6, 1, 0.3, 0.9, 0.7, 1, 1])
POINTS = np.array([200, 30, 300, 1500, 200, 40, 80, 20, 200, 700, 8000, 300, 2000, 2000, 6000, 6000])
RECALL = np.linspace(0.2, 0.95, 16)[[5, 11, 2, 14, 8, 0, 9, 3, 12, 6, 15, 1, 13, 7, 10, 4]]
# In log odds: how hard a class is in a scene, what each segmenter has of its own, and by how much one is better.
SHARED, OWN, GAIN = 0.6, 0.3, 0.25


@dataclass(frozen=True)
class Found:
    """Shares of intervals that cover the truth, in percent.

    Attributes:
        one: Of one segmenter.
        difference: Of the paired difference.
        one_drawn: Of one segmenter by drawn scenes.
        difference_drawn: Of the difference by drawn scenes.
    """

    one: float
    difference: float
    one_drawn: float
    difference_drawn: float


def confusions_of(num_scenes: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (G, K, K) matrices of both segmenters; points are confused with classes of the same scene."""
    present = rng.random((num_scenes, 16)) < PRESENCE
    sizes = np.where(present, np.exp(rng.normal(np.log(POINTS), 1.0, present.shape)), 0).astype(int) + present
    hard = rng.normal(0, SHARED, present.shape)
    found = []
    for gain in (0.0, GAIN):
        recall = expit(logit(RECALL) + gain + hard + rng.normal(0, OWN, present.shape))
        right = rng.binomial(sizes, recall)
        likely = np.where(present, POINTS, 0) / np.where(present, POINTS, 0).sum(axis=1, keepdims=True)
        wrong = rng.multinomial(sizes - right, np.repeat(likely[:, None], 16, axis=1))
        found.append(wrong + np.eye(16, dtype=np.int64) * right[:, None])
    return found[0], found[1]


def simulate(num_scenes: int, replicates: int, seed: int = 0) -> Found:
    """Return how often intervals cover the truth.

    Args:
        num_scenes: Tested scenes.
        replicates: Tests.
        seed: Seed of all of them.
    """
    rng = np.random.default_rng([seed, num_scenes])
    many = [each.sum(axis=0) for each in confusions_of(4000, rng)]
    first, second = (float(mean_iou(each, "left_out")) for each in many)
    names, hits = tuple(map(str, range(num_scenes))), []
    for _ in range(replicates):
        pair = confusions_of(num_scenes, rng)
        outcomes = [SceneConfusions(names, each).miou_outcomes("left_out") for each in pair]
        one = jackknife_interval(outcomes[0])
        means = JointMeans(np.array([y.mean() for y in outcomes]), [ItemMeans.of([0, 1], [y[None] for y in outcomes])])
        ends = means.uncertainty([-1, 1]).ends(float(means.values[1] - means.values[0]))
        draws = rng.multinomial(num_scenes, np.full(num_scenes, 1 / num_scenes), 500)
        drawn = [mean_iou(np.tensordot(draws, each, 1), "left_out") for each in pair]
        drawn_one, drawn_both = (np.quantile(each, [0.025, 0.975]) for each in (drawn[0], drawn[1] - drawn[0]))
        hits.append(
            [
                one.low <= first <= one.high,
                ends[0] <= second - first <= ends[1],
                drawn_one[0] <= first <= drawn_one[1],
                drawn_both[0] <= second - first <= drawn_both[1],
            ]
        )
    return Found(*(100 * np.mean(hits, axis=0)))


def main() -> None:
    """Print the table of docs/STATISTICS.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=600)
    replicates = parser.parse_args().replicates
    print(
        "| scenes | one | difference | one, scenes drawn | difference, scenes drawn |\n| --- | --- | --- | --- | --- |"
    )
    for num_scenes in (6, 12, 24, 50):
        found = simulate(num_scenes, replicates)
        numbers = (found.one, found.difference, found.one_drawn, found.difference_drawn)
        print(f"| {num_scenes} | {' | '.join(f'{number:.1f}' for number in numbers)} |", flush=True)


if __name__ == "__main__":
    main()
