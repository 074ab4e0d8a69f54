"""How often the interval of a small proportion covers the truth, and how long it is where no item is right.

``python -m tests.statistics.extreme_coverage`` prints the table that ``docs/STATISTICS.md`` shows.

One experiment is nearly always wrong, the others are right in 40 to 60 % of the items; all have two seeds. An answer is
right where a normal variable lies below a threshold, which deviates from training to training: one deviation of it
is a large one of accuracies in the middle, and a small one at the ends.

Shape legend: E experiments, R seeds, S items.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from tests.statistics.coverage import EXPERIMENT_SHARE, ITEM_SHARE, spread_of

from concord3d.statistics.joint_means import ItemMeans, JointMeans, Uncertainty

FloatArray = NDArray[np.float64]
SEEDS = 2
OTHERS = (0.6, 0.4, 0.5)


@dataclass(frozen=True)
class Setting:
    """One simulated study.

    Attributes:
        num_items: S.
        accuracy: Of the experiment that is asked for, with a threshold that does not deviate.
        deviation: Standard deviation of the thresholds from training to training.
        num_experiments: E.
    """

    num_items: int
    accuracy: float
    deviation: float
    num_experiments: int

    @property
    def truth(self) -> float:
        """Accuracy over all trainings."""
        return float(ndtr(ndtri(self.accuracy) / np.sqrt(1 + self.deviation**2)))


@dataclass(frozen=True)
class Found:
    """What intervals of the experiment are.

    Attributes:
        covered: Share that holds the truth.
        covered_plain: The same with the freedom of the variance that the outcomes show, whatever the value.
        covered_items: The same with Wilson's interval of the items alone, at an extreme value.
        extreme: Share of studies in which no item is right.
        end: Mean upper end of these.
        end_plain: The same with that freedom.
    """

    covered: float
    covered_plain: float
    covered_items: float
    extreme: float
    end: float
    end_plain: float


def outcomes_of(setting: Setting, rng: np.random.Generator) -> list[FloatArray]:
    """Return E arrays (R, S) of right (1) and wrong (0) answers."""
    normal, found = rng.standard_normal, []
    item = np.sqrt(ITEM_SHARE) * normal(setting.num_items)
    for accuracy in (setting.accuracy, *OTHERS[: setting.num_experiments - 1]):
        own = np.sqrt(EXPERIMENT_SHARE) * normal(setting.num_items)
        rest = np.sqrt(1 - ITEM_SHARE - EXPERIMENT_SHARE) * normal((SEEDS, setting.num_items))
        thresholds = ndtri(accuracy) + setting.deviation * normal((SEEDS, 1))
        found.append((rest + item + own < thresholds).astype(np.float64))
    return found


def plain_ends(uncertainty: Uncertainty, value: float, num_items: int) -> tuple[float, float]:
    """Return Wilson's interval with as many items as there are and Student's quantile, at an extreme value."""
    if 0 < value < 1:
        return uncertainty.proportion_ends(value, num_items)
    squared = float(scipy.special.stdtrit(uncertainty.freedom, 0.975)) ** 2
    end = squared / num_items / (1 + squared / num_items)
    return (0.0, end) if value == 0 else (1 - end, 1.0)


def simulate(setting: Setting, replicates: int, seed: int = 0) -> Found:
    """Return how often intervals cover the truth.

    Args:
        setting: What is simulated.
        replicates: Studies.
        seed: Seed of all of them.
    """
    rng, rows = np.random.default_rng([seed, setting.num_items, setting.num_experiments]), []
    for _ in range(replicates):
        arms = outcomes_of(setting, rng)
        parts = spread_of(arms, range(len(arms))).parts(["0"], [0], [range(SEEDS)])
        value = float(arms[0].mean())
        found = JointMeans(np.array([value]), [ItemMeans.of([0], [arms[0]])], parts).uncertainty([1.0])
        own, plain = (
            found.proportion_ends(value, setting.num_items),
            plain_ends(found, value, setting.num_items),
        )
        alone = own if 0 < value < 1 else Uncertainty(0.0, 1e6).proportion_ends(value, setting.num_items)
        covers = [low <= setting.truth <= high for low, high in (own, plain, alone)]
        rows.append([*covers, value == 0, *((own[1], plain[1]) if value == 0 else (np.nan, np.nan))])
    table = np.array(rows, dtype=float)
    extreme = table[table[:, 3] == 1, 4:]
    ends = extreme.mean(axis=0) if len(extreme) else np.full(2, np.nan)
    return Found(*table[:, :4].mean(axis=0).tolist(), *ends.tolist())


def asked() -> Iterator[Setting]:
    """Yield the settings of the table."""
    for num_items in (20, 47, 100):
        for accuracy in (0.01, 0.05):
            for deviation in (0.05, 0.2, 0.5, 1.0):
                for num_experiments in (2, 4):
                    yield Setting(num_items, accuracy, deviation, num_experiments)


def summary_of(found: Sequence[tuple[Setting, Found]]) -> Iterator[str]:
    """Yield lines of a Markdown table, one for each number of items and deviation."""
    columns = ("items", "deviation of thresholds", "covered", "no item right", "upper end then")
    yield f"| {' | '.join([*columns, 'covered, plain', 'upper end, plain', 'covered, items alone'])} |"
    yield f"|{' --- |' * 8}"
    for items, deviation in dict.fromkeys((one.num_items, one.deviation) for one, _ in found):
        rows = [f for one, f in found if (one.num_items, one.deviation) == (items, deviation)]
        cells = [f"{items}", f"{deviation:g}"]
        for name in ("covered", "extreme", "end", "covered_plain", "end_plain", "covered_items"):
            values = [100 * getattr(f, name) for f in rows if not np.isnan(getattr(f, name))]
            cells.append(f"{min(values):.1f} to {max(values):.1f}" if values else "-")
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=1000)
    replicates = parser.parse_args().replicates
    print(*summary_of([(setting, simulate(setting, replicates)) for setting in asked()]), sep="\n")


if __name__ == "__main__":
    main()
