"""Estimates from everything measured, which tables, figures and claims share.

Shape legend: R training seeds, S test items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import ReportingError
from concord3d.reporting.evidence.addresses import Address, HistoryAddress, Leaf
from concord3d.reporting.evidence.joint_numbers import Joint, MeasuredNumber, SeedSpreads, variance_of_ends
from concord3d.reporting.evidence.measurements import Evaluation, Measurement, sorted_measurements
from concord3d.reporting.evidence.report_inputs import ExpectedJob
from concord3d.statistics.intervals import Interval


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
    _estimates: dict[Address, Estimate | None] = field(default_factory=dict, compare=False, repr=False)
    _numbers: dict[Leaf, MeasuredNumber | None] = field(default_factory=dict, compare=False, repr=False)

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

    @cached_property
    def _spreads(self) -> SeedSpreads:
        return SeedSpreads(self.number, self.trained)

    def number(self, leaf: Leaf) -> MeasuredNumber | None:
        """Return a number as it was measured, or None where it was not.

        Raises:
            ReportingError: The seeds were tested on different items.
        """
        if leaf not in self._numbers:
            self._numbers[leaf] = self._number(leaf)
        return self._numbers[leaf]

    def _number(self, leaf: Leaf) -> MeasuredNumber | None:
        if isinstance(leaf, HistoryAddress):
            values = {seed: np.array([value]) for seed, value in self.seed_values(leaf).items()}
            return MeasuredNumber(values, (), None, "nat") if values else None
        rows = self.rows(leaf)
        if not rows:
            return None
        outcomes, names = self.outcomes(leaf)
        first = next(iter(rows.values()))
        if set(outcomes) == set(rows):
            return MeasuredNumber(outcomes, names, first.data_kind, first.unit)
        values = {seed: np.array([row.value]) for seed, row in rows.items()}
        variance = float(np.mean([variance_of_ends(row.ci_low, row.ci_high) for row in rows.values()]))
        return MeasuredNumber(values, (), first.data_kind, first.unit, variance)

    def joint(self, leaves: Iterable[Leaf]) -> Joint | None:
        """Return several numbers with their joint uncertainty, or None where one was not measured.

        Raises:
            ReportingError: One metric was measured on different items.
        """
        found = {leaf: self.number(leaf) for leaf in leaves}
        numbers = {leaf: number for leaf, number in found.items() if number is not None}
        return self._spreads.joint(numbers) if len(numbers) == len(found) else None

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

        One seed keeps the interval of its record (items only). Percentages get Wilson's interval with as many items as
        the variance over items and seeds is worth, other numbers Student's (:mod:`concord3d.statistics.joint_means`).
        A number without outcomes per item takes the items' variance from its records; the interaction of items and
        seeds then counts twice, for it cannot be told apart.
        """
        if address not in self._estimates:
            self._estimates[address] = self._estimate(address)
        return self._estimates[address]

    def _estimate(self, address: Address) -> Estimate | None:
        rows, joint = self.rows(address), self.joint([address])
        if joint is None:
            return None
        seeds = tuple(sorted(rows))
        kinds = {row.data_kind for row in rows.values()}
        if len(kinds) > 1:
            raise ReportingError("Seeds of one experiment mix real and synthetic data", found=address)
        first = rows[seeds[0]]
        if len(seeds) == 1:
            interval = Interval(first.value, first.ci_low, first.ci_high, first.n_items, 1, "items")
            return Estimate(interval, first.unit, first.data_kind, seeds)
        value, uncertainty = float(joint.means.values[0]), joint.means.uncertainty([1.0])
        if first.unit == "%":
            fraction = uncertainty.scaled(1 / 100)
            low, high = (100 * end for end in fraction.proportion_ends(min(value / 100, 1.0), first.n_items))
        else:
            low, high = uncertainty.ends(value)
        interval = Interval(value, min(low, value), max(high, value), first.n_items, len(seeds), "items and seeds")
        return Estimate(interval, first.unit, first.data_kind, seeds)
