"""Several measured numbers together: their means over seeds, and how uncertain these and their differences are.

Shape legend: S test items, L numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy

from concord3d.errors import ReportingError
from concord3d.reporting.evidence.addresses import Address, HistoryAddress, Leaf
from concord3d.statistics.intervals import FloatArray
from concord3d.statistics.joint_means import ItemMeans, JointMeans
from concord3d.statistics.seed_spread import SeedPart, SeedSpread

_NORMAL_95 = float(scipy.stats.norm.ppf(0.975))


@dataclass(frozen=True)
class MeasuredNumber:
    """One number as it was measured.

    Attributes:
        by_seed: (S,) outcomes per training seed, in the number's unit; (1,) where none are kept per item.
        names: (S,) the items' names; empty where no outcomes are kept per item.
        kind: Kind of the data evaluated on; None for figures of a training.
        unit: Of the outcomes.
        item_variance: Variance that the items give to the number with one seed, where the outcomes are not kept.
    """

    by_seed: Mapping[int, FloatArray]
    names: tuple[str, ...]
    kind: str | None
    unit: str
    item_variance: float = 0.0

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, sorted."""
        return tuple(sorted(self.by_seed))

    def stacked(self) -> FloatArray:
        """Return (R, S) outcomes by seed."""
        return np.stack([self.by_seed[seed] for seed in self.seeds])


def variance_of_ends(low: float, high: float) -> float:
    """Return the variance that a 95 % interval stands for."""
    return float(((high - low) / (2 * _NORMAL_95)) ** 2)


def same_items(numbers: Mapping[Leaf, MeasuredNumber]) -> list[list[Leaf]]:
    """Return the numbers by what they were tested on, without those that have no outcomes per item.

    Two metrics of one protocol may concern different items, such as those with a text; one metric never does.

    Raises:
        ReportingError: One metric was measured on different items.
    """
    groups: dict[tuple[str, ...], list[Address]] = {}
    for leaf, number in numbers.items():
        if isinstance(leaf, HistoryAddress) or not number.names:
            continue
        place = (leaf.dataset, leaf.protocol)
        for key, members in groups.items():
            if key[:2] != place:
                continue
            first = members[0]
            if numbers[first].names == number.names:
                members.append(leaf)
                break
            if any(member.metric == leaf.metric for member in members):
                raise ReportingError(
                    "A paired comparison needs the same test items on both sides",
                    where=f"{leaf.dataset}, {leaf.protocol}",
                    expected=f"the {len(numbers[first].names)} items of {first.experiment}",
                    found=f"{len(number.names)} items of {leaf.experiment}",
                    next_step="evaluate both on the same split",
                )
        else:
            groups[(*place, leaf.metric)] = [leaf]
    return [list(members) for members in groups.values()]


@dataclass(frozen=True)
class Joint:
    """Means of several numbers.

    Attributes:
        means: L numbers, in the order of ``leaves``.
        leaves: Where each is found.
        without_spread: Experiments whose seeds tell nothing: one seed, and no others measured alike.
    """

    means: JointMeans
    leaves: tuple[Leaf, ...]
    without_spread: tuple[str, ...]

    def weights(self, by_leaf: Mapping[Leaf, float]) -> FloatArray:
        """Return (L,) weights in the order of the means."""
        return np.array([by_leaf.get(leaf, 0.0) for leaf in self.leaves])


Lookup = Callable[[Leaf], MeasuredNumber | None]


class SeedSpreads:
    """The spread of seeds for numbers that were measured alike.

    Trained experiments deviate by the spread of all trained ones that were measured in the same way, untrained ones by
    their own, for what a seed does to the first says nothing of the second.

    Args:
        lookup: Finds a number.
        trained: The trained experiments.
    """

    def __init__(self, lookup: Lookup, trained: Iterable[str]) -> None:
        self._lookup = lookup
        self._trained = frozenset(trained)
        self._known: dict[tuple[tuple[Leaf, ...], frozenset[str]], SeedSpread] = {}

    def joint(self, numbers: Mapping[Leaf, MeasuredNumber]) -> Joint:
        """Return numbers with their joint uncertainty.

        Items are paired where numbers were measured on the same ones; each number counts all its seeds.

        Args:
            numbers: L numbers.

        Raises:
            ReportingError: One metric was measured on different items.
        """
        leaves = tuple(numbers)
        place = {leaf: row for row, leaf in enumerate(leaves)}
        items = [
            ItemMeans.of([place[leaf] for leaf in members], [numbers[leaf].stacked() for leaf in members])
            for members in same_items(numbers)
        ]
        parts: list[SeedPart] = []
        lacking: list[str] = []
        for alike, experiments in self._deviating_alike(leaves):
            spread, ways = self._spread(alike, experiments)
            if not spread.freedom:
                lacking += [leaf.experiment for leaf in alike]
                continue
            rows = [place[leaf] for leaf in alike]
            found = spread.parts(
                [leaf.experiment for leaf in alike],
                [ways.index(_way(leaf)) for leaf in alike],
                [numbers[leaf].seeds for leaf in alike],
            )
            parts += [_embedded(part, rows, len(leaves)) for part in found]
        values = np.array([np.mean([of_seed.mean() for of_seed in numbers[leaf].by_seed.values()]) for leaf in leaves])
        unpaired = np.array([number.item_variance for number in numbers.values()])
        return Joint(JointMeans(values, items, parts, unpaired), leaves, tuple(dict.fromkeys(lacking)))

    def _deviating_alike(self, leaves: Sequence[Leaf]) -> Iterator[tuple[list[Leaf], frozenset[str]]]:
        """Yield numbers of one spread, with the experiments that tell of it.

        Where an experiment lacks one of the ways, each way is taken by itself, as if it deviated independently.
        """
        trained = [leaf for leaf in leaves if leaf.experiment in self._trained]
        groups = [(trained, self._trained)] if trained else []
        for name in dict.fromkeys(leaf.experiment for leaf in leaves if leaf not in trained):
            groups.append(([leaf for leaf in leaves if leaf.experiment == name], frozenset({name})))
        for alike, experiments in groups:
            by_way: dict[Leaf, list[Leaf]] = {}
            for leaf in alike:
                by_way.setdefault(_way(leaf), []).append(leaf)
            asked = {leaf.experiment for leaf in alike}
            have_all = all(self._lookup(replace(way, experiment=name)) for way in by_way for name in asked)
            for group in [alike] if have_all else by_way.values():
                yield group, experiments

    def _spread(self, alike: Sequence[Leaf], experiments: frozenset[str]) -> tuple[SeedSpread, list[Leaf]]:
        ways = list(dict.fromkeys(_way(leaf) for leaf in alike))
        key = (tuple(ways), experiments)
        if key not in self._known:
            self._known[key] = self._estimated(ways, sorted(experiments))
        return self._known[key], ways

    def _estimated(self, ways: Sequence[Leaf], experiments: Sequence[str]) -> SeedSpread:
        measured = {name: [self._lookup(replace(way, experiment=name)) for way in ways] for name in experiments}
        complete = {name: [n for n in found if n is not None] for name, found in measured.items() if all(found)}
        trainings = [
            (name, seed)
            for name, found in complete.items()
            for seed in sorted(set.intersection(*(set(number.by_seed) for number in found)))
        ]
        outcomes, kinds = [], []
        for column, way in enumerate(ways):
            numbers = [found[column] for found in complete.values()]
            rows = [complete[name][column].by_seed[seed] for name, seed in trainings]
            names = {number.names for number in numbers}
            paired = len(names) == 1 and () not in names
            # Without common items, what they add cannot be told from the spread, which is then taken too large.
            outcomes.append(np.stack(rows) if paired else np.array([[row.mean()] for row in rows]))
            dataset = "" if isinstance(way, HistoryAddress) else way.dataset
            kinds.append((dataset, *names) if paired else (column,))
        same = [kinds.index(kind) for kind in kinds]
        return SeedSpread.of([name for name, _ in trainings], [seed for _, seed in trainings], outcomes, same)


def _way(leaf: Leaf) -> Leaf:
    """Return how a number was measured, whatever the experiment."""
    return replace(leaf, experiment="")


def _embedded(part: SeedPart, rows: Sequence[int], size: int) -> SeedPart:
    """Return what seeds add to some of the numbers as a part of what they add to all."""
    covariance, scale = np.zeros((size, size)), np.zeros((size, size))
    place = np.ix_(rows, rows)
    covariance[place], scale[place] = part.covariance, part.scale
    return SeedPart(covariance, scale, part.freedom)
