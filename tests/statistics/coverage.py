"""How often 95 % intervals cover the truth: simulated trainings with known accuracies and known spreads of seeds.

``python -m tests.statistics.coverage`` prints the tables that ``docs/STATISTICS.md`` shows; ``--replicates`` says how
many studies are simulated for each row.

Six experiments answer the same items with the same seeds. An answer is right where a normal variable lies below a
threshold. The variable has a part of the item (share 0.5), one of item and experiment (0.1), and the interaction of
item and seed (0.4); the threshold gives each training its accuracy, which deviates from that of its experiment.
Shape legend: E experiments, N trainings, S items.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from concord3d.statistics.joint_means import ItemMeans, JointMeans
from concord3d.statistics.seed_spread import SeedPart, SeedSpread

FloatArray = NDArray[np.float64]
ITEM_SHARE, EXPERIMENT_SHARE = 0.5, 0.1
GAIN = 0.02


@dataclass(frozen=True)
class Setting:
    """One simulated study.

    Attributes:
        num_items: Test items.
        accuracy: True accuracy of all experiments but the first, which is 2 points better.
        seeds: Number of seeds of each experiment.
        own: Standard deviation of the accuracy from training to training, 1 being 100 points.
        shared: That of the part which experiments of one seed share.
        stretch: Factor on ``own`` per experiment.
        untrained: Whether the second experiment has a spread of its own, estimated from its seeds alone.
    """

    num_items: int
    accuracy: float
    seeds: tuple[int, ...] = (2,) * 6
    own: float = 0.0
    shared: float = 0.0
    stretch: tuple[float, ...] = (1.0,) * 6
    untrained: bool = False

    @property
    def truth(self) -> FloatArray:
        """(E,) true accuracies."""
        return np.where(np.arange(len(self.seeds)) == 0, self.accuracy + GAIN, self.accuracy)


@dataclass(frozen=True)
class Found:
    """Shares of intervals that cover the truth, and mean widths in points.

    Attributes:
        one: Coverage of one experiment's mean.
        difference: Coverage of the paired difference of the first two.
        one_twice: The first with the interaction counted twice.
        difference_twice: The second with the interaction counted twice.
        width: Mean width of the difference's interval.
        width_twice: The same with the interaction counted twice.
    """

    one: float
    difference: float
    one_twice: float
    difference_twice: float
    width: float
    width_twice: float


def outcomes_of(setting: Setting, rng: np.random.Generator) -> list[FloatArray]:
    """Return E arrays (R, S) of right (1) and wrong (0) answers."""
    normal = rng.standard_normal
    shared = setting.shared * normal(max(setting.seeds))
    item = np.sqrt(ITEM_SHARE) * normal(setting.num_items, dtype=np.float32)
    found = []
    for accuracy, num_seeds, stretch in zip(setting.truth, setting.seeds, setting.stretch, strict=False):
        own = np.sqrt(EXPERIMENT_SHARE) * normal(setting.num_items, dtype=np.float32)
        deviations = shared[:num_seeds] + stretch * setting.own * normal(num_seeds)
        thresholds = ndtri(np.clip(accuracy + deviations, 1e-3, 1 - 1e-3))
        rest = normal((num_seeds, setting.num_items), dtype=np.float32)
        rest *= np.float32(np.sqrt(1 - ITEM_SHARE - EXPERIMENT_SHARE))
        found.append((rest + item + own < thresholds[:, None].astype(np.float32)).astype(np.float64))
    return found


def spread_of(arms: Sequence[FloatArray], chosen: Sequence[int]) -> SeedSpread:
    """Return the spread of seeds that some of the experiments tell of."""
    trainings = [(str(e), r) for e in chosen for r in range(len(arms[e]))]
    stacked = np.concatenate([arms[e] for e in chosen])
    return SeedSpread.of([name for name, _ in trainings], [seed for _, seed in trainings], [stacked], [0])


def joint_of(setting: Setting, arms: Sequence[FloatArray]) -> JointMeans:
    """Return the joint means of the first two experiments."""
    pools = [([0, *range(2, len(arms))], [0]), ([1], [1])] if setting.untrained else [(range(len(arms)), [0, 1])]
    parts = []
    for pool, asked in pools:
        seeds = [range(len(arms[e])) for e in asked]
        for part in spread_of(arms, list(pool)).parts([str(e) for e in asked], [0] * len(asked), seeds):
            covariance, scale = np.zeros((2, 2)), np.zeros((2, 2))
            covariance[np.ix_(asked, asked)], scale[np.ix_(asked, asked)] = part.covariance, part.scale
            parts.append(SeedPart(covariance, scale, part.freedom))
    means = np.array([arm.mean() for arm in arms[:2]])
    return JointMeans(means, [ItemMeans.of([0, 1], arms[:2])], parts)


def simulate(setting: Setting, replicates: int, seed: int = 0) -> Found:
    """Return how often intervals cover the truth.

    Args:
        setting: What is simulated.
        replicates: Studies.
        seed: Seed of all of them.
    """
    rng, rows = np.random.default_rng([seed, setting.num_items]), []
    first, second = setting.truth[:2]
    for _ in range(replicates):
        joint = joint_of(setting, outcomes_of(setting, rng))
        twice = replace(joint, seeds=[replace(part, covariance=part.scale) for part in joint.seeds])
        row = []
        for means in (joint, twice):
            low, high = means.uncertainty([0, 1]).proportion_ends(float(means.values[1]), setting.num_items)
            left, right = means.uncertainty([1, -1]).ends(float(means.values[0] - means.values[1]))
            row += [low <= second <= high, left <= first - second <= right, 100 * (right - left)]
        rows.append(row)
    one, difference, width, one_twice, difference_twice, width_twice = np.mean(np.array(rows, dtype=float), axis=0)
    return Found(one, difference, one_twice, difference_twice, width, width_twice)


DEVIATIONS = (0.0, 0.003, 0.006)
UNEQUAL = (5, 2, 2, 3, 2, 4)


def accepted() -> Iterator[Setting]:
    """Yield the settings in which 94 to 96 % must be covered."""
    for num_items in (210, 2468):
        for accuracy in (0.3, 0.6, 0.9):
            for own in DEVIATIONS:
                for seeds in (*((num,) * 6 for num in (2, 3, 4, 5)), UNEQUAL):
                    yield Setting(num_items, accuracy, seeds, own, own)


def beyond() -> Iterator[tuple[str, Setting]]:
    """Yield settings in which that cannot be had, or the assumption of one spread is wrong, each in words."""
    wide = Setting(480, 0.6, own=0.006, shared=0.006)
    for num, seeds in ((2, 2), (3, 2), (4, 2), (3, 3), (2, 5)):
        for own in DEVIATIONS:
            few = replace(wide, seeds=(seeds,) * num, stretch=(1.0,) * num, own=own, shared=own)
            yield f"{num} experiments with {seeds} seeds", few
    for own in DEVIATIONS:
        yield (
            "the second untrained, 5 seeds, a spread of its own",
            replace(wide, seeds=(2, 5, 2, 2, 2, 2), own=own, shared=0.0, untrained=True),
        )
    for seeds in (2, 5):
        for large in (2468, 480):
            wrong = replace(wide, num_items=large, seeds=(seeds,) * 6, shared=0.0)
            yield f"the second has 3 times the spread, {seeds} seeds", replace(wrong, stretch=(1.0, 3.0, 1, 1, 1, 1))
            yield f"a third has 3 times the spread, {seeds} seeds", replace(wrong, stretch=(1.0, 1, 3.0, 1, 1, 1))


RATIOS = (0.0, 0.25, 1.0, 4.0, 16.0, 100.0)


def covered_by_freedom(freedom: int, ratio: float, draws: int = 4000) -> float:
    """Return the coverage where seeds have few degrees of freedom, for normal outcomes.

    Half of the items' part is interaction.

    Args:
        freedom: Degrees of freedom of the seeds' part.
        ratio: True seeds' part over the items' part.
        draws: Draws of the mean square.
    """
    outcomes = np.random.default_rng(0).normal(size=(1, 1000))
    items = ItemMeans.of([0], [(outcomes - outcomes.mean()) / outcomes.std(ddof=1) * np.sqrt(1000)])
    found = []
    for square in (0.5 + ratio) * np.random.default_rng(1).chisquare(freedom, draws) / freedom:
        part = SeedPart(np.array([[square - 0.5]]), np.array([[square]]), freedom)
        half = JointMeans(np.zeros(1), [items], [part]).uncertainty([1.0]).ends(0.0)[1]
        found.append(2 * ndtr(half / np.sqrt(1 + ratio)) - 1)
    return float(np.mean(found))


COLUMNS = ("one", "difference", "one_twice", "difference_twice")


def row_of(setting: Setting, found: Found, first: str = "") -> str:
    """Return one line of a Markdown table."""
    shares = [getattr(found, name) for name in COLUMNS]
    narrower = 100 * (1 - found.width / found.width_twice)
    cells = [first or seeds_in_words(setting), f"{setting.num_items}", f"{100 * setting.accuracy:.0f} %"]
    cells += [f"{100 * setting.own:.1f}", *(f"{100 * share:.1f}" for share in shares), f"{narrower:.0f} %"]
    return f"| {' | '.join(cells)} |"


def seeds_in_words(setting: Setting) -> str:
    """Return the numbers of seeds."""
    return str(setting.seeds[0]) if len(set(setting.seeds)) == 1 else ", ".join(map(str, setting.seeds))


def summary_of(found: Sequence[tuple[Setting, Found]]) -> Iterator[str]:
    """Yield lines of a Markdown table: lowest and highest coverage for each number of items and of seeds."""
    yield "| items | seeds | one | difference | one, counted twice | difference, counted twice | narrower by |"
    yield f"|{' --- |' * 7}"
    places = dict.fromkeys((setting.num_items, seeds_in_words(setting)) for setting, _ in found)
    for items, seeds in places:
        rows = [f for setting, f in found if (setting.num_items, seeds_in_words(setting)) == (items, seeds)]
        shares = [
            [100 * getattr(f, name) for f in rows] for name in ("one", "difference", "one_twice", "difference_twice")
        ]
        narrower = [100 * (1 - f.width / f.width_twice) for f in rows]
        cells = [f"{items}", seeds, *(f"{min(share):.1f} to {max(share):.1f}" for share in shares)]
        yield f"| {' | '.join([*cells, f'{min(narrower):.0f} to {max(narrower):.0f} %'])} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=4000)
    replicates = parser.parse_args().replicates
    columns = ("seeds", "items", "accuracy", "deviation of seeds, own and shared (points)", "one", "difference")
    head = f"| {' | '.join([*columns, 'one, counted twice', 'difference, counted twice', 'narrower by'])} |"
    print(f"Coverage of 95 % intervals in %, {replicates} simulated studies a row\n\n{head}\n|{' --- |' * 9}")
    found = []
    for setting in accepted():
        found.append((setting, simulate(setting, replicates)))
        print(row_of(*found[-1]), flush=True)
    print("", *summary_of(found), sep="\n")
    ratios = " | ".join(f"{ratio:g}" for ratio in RATIOS)
    print("\nCoverage by the seeds' degrees of freedom and their part of the variance over that of the items\n")
    print(f"| degrees of freedom | {ratios} |\n|{' --- |' * (len(RATIOS) + 1)}")
    for freedom in (1, 2, 3, 5, 10):
        shares = " | ".join(f"{100 * covered_by_freedom(freedom, ratio):.1f}" for ratio in RATIOS)
        print(f"| {freedom} | {shares} |", flush=True)
    print(f"\nWhere the assumptions do not hold, or seeds are too few\n\n{head}\n|{' --- |' * 9}")
    for words, setting in beyond():
        print(row_of(setting, simulate(setting, replicates), words), flush=True)


if __name__ == "__main__":
    main()
