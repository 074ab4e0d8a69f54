"""Estimates from everything measured, which tables, figures and claims share.

Shape legend: R training seeds, S test items.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ReportingError
from concord3d.reporting.evidence.measurements import Evaluation, Measurement, sorted_measurements
from concord3d.reporting.evidence.report_inputs import ExpectedJob
from concord3d.statistics.bootstrap import bootstrap_mean_interval, proportion_interval
from concord3d.statistics.intervals import Interval
from concord3d.statistics.seed_spread import FloatArray, SeedSpread

NUM_RESAMPLES = 4000


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its 95 % interval, in the metric's unit.

    Attributes:
        interval: Value, ends, and what they rest on.
        unit: ``%`` or empty.
        data_kind: Kind of the data evaluated on.
        seeds: Training seeds behind it.
    """

    interval: Interval
    unit: str
    data_kind: str
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Address:
    """Which number of which evaluation is meant, for all seeds."""

    experiment: str
    dataset: str
    protocol: str
    metric: str
    selection: str = "last"


@dataclass(frozen=True)
class HistoryAddress:
    """A figure of the training history: ``held_out[key]`` at the first or last snapshot."""

    experiment: str
    key: str
    at: str


Leaf = Address | HistoryAddress


@dataclass(frozen=True)
class Results:
    """Every evaluation and training history of one paper at one scale.

    Attributes:
        scale: The scale.
        evaluations: Sorted by experiment, data set, protocol, seed.
        histories: Training history per (experiment, seed).
        steps: Optimiser steps of the training per (experiment, seed), where its record says them.
        expected: The evaluations that the scale asks for.
        trained: Experiments with a training; their seeds deviate alike.
    """

    scale: str
    evaluations: tuple[Evaluation, ...]
    histories: Mapping[tuple[str, int], list[dict[str, Any]]]
    expected: tuple[ExpectedJob, ...]
    steps: Mapping[tuple[str, int], int] = field(default_factory=dict)
    trained: frozenset[str] = frozenset()
    _cache: dict[Address, Estimate | None] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def by_job(self) -> dict[ExpectedJob, Evaluation]:
        """Evaluations by what they are."""
        return {evaluation.job: evaluation for evaluation in self.evaluations}

    @cached_property
    def missing(self) -> tuple[ExpectedJob, ...]:
        """Evaluations that the scale asks for and that have no file."""
        return tuple(sorted(set(self.expected) - set(self.by_job)))

    @cached_property
    def measurements(self) -> tuple[Measurement, ...]:
        """All rows, sorted."""
        return sorted_measurements(self.evaluations)

    @property
    def data_kinds(self) -> tuple[str, ...]:
        """The kinds of data evaluated on, sorted."""
        return tuple(sorted({evaluation.data_kind for evaluation in self.evaluations}))

    @cached_property
    def _by_place(self) -> dict[tuple[str, ...], list[Evaluation]]:
        places: dict[tuple[str, ...], list[Evaluation]] = {}
        for evaluation in self.evaluations:
            places.setdefault(evaluation.job[:3], []).append(evaluation)
        return places

    def select(self, experiment: str, dataset: str, protocol: str) -> tuple[Evaluation, ...]:
        """Return the evaluations of an experiment on a data set, by seed."""
        return tuple(self._by_place.get((experiment, dataset, protocol), ()))

    def rows(self, address: Address) -> dict[int, Measurement]:
        """Return the measurements at an address by seed."""
        found = {}
        for evaluation in self.select(address.experiment, address.dataset, address.protocol):
            for row in evaluation.measurements:
                if (row.metric, row.selection) == (address.metric, address.selection):
                    found[row.seed] = row
        return found

    def seed_values(self, leaf: Leaf) -> dict[int, float]:
        """Return what the trainings of an experiment came to by seed; empty where nothing was measured."""
        if isinstance(leaf, Address):
            return {seed: row.value for seed, row in self.rows(leaf).items()}
        found = {}
        for (experiment, seed), history in self.histories.items():
            kept = [entry["held_out"][leaf.key] for entry in history if leaf.key in entry.get("held_out", {})]
            if experiment == leaf.experiment and len(kept) >= (2 if leaf.at == "first" else 1):
                found[seed] = float(kept[0 if leaf.at == "first" else -1])
        return found

    def seed_deviations(self, leaves: Sequence[Leaf], seeds: Sequence[int], num_resamples: int) -> FloatArray:
        """Draw how far the mean over seeds lies from that of all seeds, jointly for several numbers.

        Trained experiments deviate by the spread of all trained ones that were measured in the same ways with the same
        seeds, untrained ones by their own, for what a seed does to the first says nothing of the second. Where an
        experiment lacks one of the ways, each way is drawn by itself.

        Args:
            leaves: A numbers.
            seeds: R training seeds that all of them have.
            num_resamples: B.

        Returns:
            (B, A) in the units of the numbers; zero for a single seed.
        """
        if len(seeds) < 2:
            return np.zeros((num_resamples, len(leaves)))
        rng = np.random.default_rng(np.random.SeedSequence(0).spawn(1)[0])
        drawn: dict[Leaf, FloatArray] = {}
        for alike, pooled in self._deviating_alike(leaves):
            by_way: dict[Leaf, list[Leaf]] = {}
            for leaf in alike:
                by_way.setdefault(replace(leaf, experiment=""), []).append(leaf)
            measured = {way: self._measured(way, pooled, seeds) for way in by_way}
            asked = {leaf.experiment for leaf in alike}
            joint = all(asked <= values.keys() for values in measured.values())
            for group in [alike] if joint else by_way.values():
                drawn |= _drawn_together(group, measured, num_resamples, rng)
        return np.stack([drawn[leaf] for leaf in leaves], axis=1)

    def _deviating_alike(self, leaves: Sequence[Leaf]) -> Iterator[tuple[list[Leaf], Iterable[str]]]:
        """Yield leaves of one spread, with the experiments that tell of it."""
        trained = [leaf for leaf in leaves if leaf.experiment in self.trained]
        if trained:
            yield trained, self.trained
        for name in dict.fromkeys(leaf.experiment for leaf in leaves if leaf not in trained):
            yield [leaf for leaf in leaves if leaf.experiment == name], (name,)

    def _measured(self, way: Leaf, names: Iterable[str], seeds: Sequence[int]) -> dict[str, list[float]]:
        """Return (R,) values by experiment, of those that have all the seeds."""
        values = {name: self.seed_values(replace(way, experiment=name)) for name in names}
        return {name: [found[seed] for seed in seeds] for name, found in values.items() if set(seeds) <= set(found)}

    def outcomes(self, address: Address) -> tuple[dict[int, NDArray[np.float64]], tuple[str, ...]]:
        """Return per-item outcomes by seed, in the metric's unit, and the items' names; empty where there are none.

        Raises:
            ReportingError: The seeds were tested on different items.
        """
        key = f"{address.metric}__{address.selection}"
        found: dict[int, NDArray[np.float64]] = {}
        names: tuple[str, ...] = ()
        rows = self.rows(address)
        for evaluation in self.select(address.experiment, address.dataset, address.protocol):
            seed = evaluation.job.seed
            if key not in evaluation.items or seed not in rows:
                continue
            outcomes, tested = evaluation.tested(key)
            if found and tested != names:
                raise ReportingError(
                    "The seeds of one experiment were tested on different items",
                    where=evaluation.path,
                    expected=f"{len(names)} items as for the other seeds",
                    found=f"{len(tested)} items",
                    next_step="remove the evaluations of this experiment and run again",
                )
            names = tested
            found[seed] = outcomes * (100.0 if rows[seed].unit == "%" else 1.0)
        return found, names

    def estimate(self, address: Address) -> Estimate | None:
        """Return the mean over seeds with its interval, or None where nothing was measured.

        One seed keeps the interval of its record (items only). Several seeds with per-item outcomes get the
        hierarchical bootstrap over items and seeds; without them the interval over seeds and the mean interval over
        items are added in squares. Percentages stay between 0 and 100.
        """
        if address not in self._cache:
            self._cache[address] = self._estimate(address)
        return self._cache[address]

    def _estimate(self, address: Address) -> Estimate | None:
        rows = self.rows(address)
        if not rows:
            return None
        seeds = tuple(sorted(rows))
        kinds = {row.data_kind for row in rows.values()}
        if len(kinds) > 1:
            raise ReportingError("Seeds of one experiment mix real and synthetic data", found=address)
        first = rows[seeds[0]]
        outcomes, _ = self.outcomes(address)
        deviations = self.seed_deviations([address], seeds, NUM_RESAMPLES)[:, 0]
        if len(seeds) == 1:
            interval = Interval(first.value, first.ci_low, first.ci_high, first.n_items, 1, "items")
        elif set(outcomes) == set(seeds):
            stacked = np.stack([outcomes[s] for s in seeds])
            if first.unit == "%":
                fractions = proportion_interval(stacked / 100, num_resamples=NUM_RESAMPLES, deviations=deviations / 100)
                interval = fractions.scaled(100)
            else:
                interval = bootstrap_mean_interval(stacked, num_resamples=NUM_RESAMPLES, deviations=deviations)
        else:
            interval = _over_items_and_seeds([rows[s] for s in seeds], deviations)
        if first.unit == "%":
            interval = replace(interval, low=max(interval.low, 0.0), high=min(interval.high, 100.0))
        return Estimate(interval, first.unit, first.data_kind, seeds)


def _drawn_together(
    leaves: Sequence[Leaf],
    measured: Mapping[Leaf, Mapping[str, list[float]]],
    num_resamples: int,
    rng: np.random.Generator,
) -> dict[Leaf, FloatArray]:
    """Return (B,) deviations of each leaf, from the experiments that were measured in all their ways."""
    ways = list(dict.fromkeys(replace(leaf, experiment="") for leaf in leaves))
    experiments = list(dict.fromkeys(leaf.experiment for leaf in leaves))
    pool = sorted(set.intersection(*(set(measured[way]) for way in ways)))
    means = np.array([[measured[way][name] for way in ways] for name in pool]).swapaxes(1, 2)
    drawn = SeedSpread.of(means).draw(len(experiments), num_resamples, rng)
    return {
        leaf: drawn[:, experiments.index(leaf.experiment), ways.index(replace(leaf, experiment=""))] for leaf in leaves
    }


def _over_items_and_seeds(rows: Sequence[Measurement], deviations: FloatArray) -> Interval:
    """Return the mean over seeds of records without per-item outcomes; the items are the same for all seeds."""
    value = float(np.mean([row.value for row in rows]))
    ends = np.array([[row.value - row.ci_low, row.ci_high - row.value] for row in rows]).mean(axis=0)
    below, above = np.hypot(np.quantile(np.abs(deviations), 0.95), ends)
    return Interval(value, value - float(below), value + float(above), rows[0].n_items, len(rows), "items and seeds")
