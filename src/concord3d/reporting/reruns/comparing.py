"""A rerun beside its reference: cells by where the new value lies, verdicts that changed, and what chance gives.

The interval of a row covers the test items. A rerun tests the same items, and differs where its training does: the
rounding of another processor grows until the training is another one. So the interval alone does not say how many
values should leave it. Other seeds do: they too are other trainings tested on the same items. The expected share is how
often another seed of the same experiment lies outside the same interval, in the reference.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import scipy

from concord3d.reporting.evidence.measurements import Measurement
from concord3d.reporting.reruns.reported import Cell, Quantity, Reported

# Where there is no other seed: of two independent draws of one normal distribution, how often does the second lie
# outside of the 95 % interval of the first?
SECOND_DRAW = math.erfc(float(scipy.special.ndtri(0.975)) / 2)
# The share outside is more than chance gives where chance gives as much in less than one of a hundred reruns.
SIGNIFICANCE = 0.01
# metrics.csv has six decimals.
_ROUNDING = 1e-6


class Evaluation(NamedTuple):
    """One training under one protocol on one data set; its metrics move together."""

    experiment: str
    seed: int
    dataset: str
    protocol: str


@dataclass(frozen=True)
class Moved:
    """A cell whose value lies outside of the interval of the reference.

    Attributes:
        cell: Which.
        reference: The row of the reference.
        rerun: The row of the rerun.
    """

    cell: Cell
    reference: Measurement
    rerun: Measurement

    @property
    def distance(self) -> float:
        """How far the value moved, in widths of the interval on that side; infinite where it has none."""
        moved = self.rerun.value - self.reference.value
        end = self.reference.ci_high if moved > 0 else self.reference.ci_low
        width = abs(end - self.reference.value)
        return abs(moved) / width if width > 0 else math.inf


@dataclass(frozen=True)
class Chance:
    """Whether as many cells outside of their intervals are what chance gives.

    Attributes:
        expected: Share outside that chance gives, among changed cells.
        from_seeds: Share of the changed cells for which other seeds of the reference say it; the others take
            :data:`SECOND_DRAW`.
        num_evaluations: Evaluations with changed cells, which the test counts.
        num_outside: How many of them are outside; each counts with the share of its changed cells that are.
        p_value: Probability that chance puts as many outside, or more (binomial).
    """

    expected: float
    from_seeds: float
    num_evaluations: int
    num_outside: float
    p_value: float

    @property
    def explains(self) -> bool:
        """Whether the share outside is no more than chance gives."""
        return self.p_value >= SIGNIFICANCE


@dataclass(frozen=True)
class Comparison:
    """One paper's rerun beside its reference.

    Attributes:
        num_identical: Cells with the same value and interval.
        num_inside: Cells with another value or interval, the value inside the interval of the reference.
        outside: Cells with a value outside, the furthest first.
        only_reference: Cells that the rerun does not have.
        only_rerun: Cells that the reference does not have.
        verdicts: Verdict of the reference and of the rerun by claim, where they differ; None where a side has none.
        chance: Of the cells outside; None where no value changed.
    """

    num_identical: int
    num_inside: int
    outside: tuple[Moved, ...]
    only_reference: tuple[Cell, ...]
    only_rerun: tuple[Cell, ...]
    verdicts: Mapping[str, tuple[str | None, str | None]]
    chance: Chance | None

    @property
    def num_cells(self) -> int:
        """Cells that both have."""
        return self.num_identical + self.num_inside + len(self.outside)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the rerun does not agree with its reference; none if it does."""
        found = []
        if self.verdicts:
            found.append(f"{len(self.verdicts)} verdicts changed")
        if self.only_reference or self.only_rerun:
            found.append(f"{len(self.only_reference) + len(self.only_rerun)} rows have no counterpart")
        if self.chance is not None and not self.chance.explains:
            found.append("more values are outside of their intervals than chance gives")
        return tuple(found)


def compare(reference: Reported, rerun: Reported) -> Comparison:
    """Compare the results of one paper.

    Args:
        reference: The results that are repeated.
        rerun: The new ones.
    """
    shared = sorted(reference.rows.keys() & rerun.rows.keys())
    old, new = reference.rows, rerun.rows
    identical = {cell for cell in shared if _numbers(old[cell]) == _numbers(new[cell])}
    changed = [cell for cell in shared if old[cell].value != new[cell].value]
    moved = [Moved(cell, old[cell], new[cell]) for cell in changed if _outside(old[cell], new[cell].value)]
    claims = sorted(reference.verdicts.keys() | rerun.verdicts.keys())
    verdicts = {claim: (reference.verdicts.get(claim), rerun.verdicts.get(claim)) for claim in claims}
    return Comparison(
        len(identical),
        len(shared) - len(identical) - len(moved),
        tuple(sorted(moved, key=lambda m: (-m.distance, m.cell))),
        tuple(sorted(old.keys() - new.keys())),
        tuple(sorted(new.keys() - old.keys())),
        {claim: pair for claim, pair in verdicts.items() if pair[0] != pair[1]},
        _chance(old, changed, {m.cell for m in moved}) if changed else None,
    )


def _numbers(row: Measurement) -> tuple[float, int, float, float]:
    return row.value, row.n_items, row.ci_low, row.ci_high


def _outside(row: Measurement, value: float) -> bool:
    return not row.ci_low - _ROUNDING <= value <= row.ci_high + _ROUNDING


def _chance(reference: Mapping[Cell, Measurement], changed: Iterable[Cell], outside: set[Cell]) -> Chance:
    values: dict[Quantity, dict[int, float]] = defaultdict(dict)
    for cell, row in reference.items():
        values[Quantity(*cell[:-1])][cell.seed] = row.value
    found: dict[Evaluation, list[tuple[float, float]]] = defaultdict(list)
    num_changed = num_from_seeds = 0
    for cell in changed:
        others = [value for seed, value in values[Quantity(*cell[:-1])].items() if seed != cell.seed]
        expected = sum(_outside(reference[cell], value) for value in others) / len(others) if others else SECOND_DRAW
        of = Evaluation(cell.experiment, cell.seed, cell.dataset, cell.protocol)
        found[of].append((float(cell in outside), expected))
        num_changed, num_from_seeds = num_changed + 1, num_from_seeds + bool(others)
    num = len(found)
    num_outside, num_expected = (sum(sum(pair[i] for pair in p) / len(p) for p in found.values()) for i in (0, 1))
    # Few evaluations of which no other seed left its interval do not say that none ever does: half of one is added.
    share = num_expected / num if num_from_seeds == 0 else min((num_expected + 0.5) / (num + 1), 1.0)
    p_value = float(scipy.stats.binom.sf(math.ceil(num_outside - 1e-9) - 1, num, share))
    return Chance(share, num_from_seeds / num_changed, num, num_outside, p_value)
