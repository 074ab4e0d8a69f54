"""What protocols on scans find: outcomes per scan, and from them numbers whose items are spaces or scans.

Scans of one space show the same room, so spaces are what intervals take to be drawn at random and what comparisons are
paired over (:mod:`concord3d.statistics.clusters`). Where a test set holds too few spaces, scans may take their place.

Shape legend: S scans.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from concord3d.config.validation import StrictModel
from concord3d.errors import EvaluationError
from concord3d.protocols.evaluation.results import ProtocolResult, Record, record_from_interval
from concord3d.statistics.clusters import class_mean_cluster_outcomes, cluster_outcomes
from concord3d.statistics.jackknife import jackknife_interval

if TYPE_CHECKING:
    from concord3d.data.stores.scans import ScanSplit

Outcomes = NDArray[np.float64]
Unit = Literal["spaces", "scans"]


class ScanSettings(StrictModel):
    """Settings of every protocol on scans.

    Attributes:
        batch_size: Scans per forward pass.
        units: What intervals take to be drawn at random: ``spaces``, for scans of one space are alike, or ``scans``.
        annotated_only: Whether vertices that belong to no object are left out of clouds, as the released evaluation
            does; null does as the training.
    """

    batch_size: PositiveInt = 16
    units: Unit = "spaces"
    annotated_only: bool | None = None


@dataclass
class ScanOutcomes:
    """Numbers as they are found.

    Attributes:
        split: The scans.
        units: What intervals take to be drawn at random.
        records: The numbers.
        items: Outcomes by metric.
        num_queries: Scans behind each number.
        chance: What guessing gives, in percent, by metric.
        not_measured: Why a metric has no number.
    """

    split: ScanSplit
    units: Unit
    records: list[Record] = field(default_factory=list)
    items: dict[str, Outcomes] = field(default_factory=dict)
    num_queries: dict[str, int] = field(default_factory=dict)
    chance: dict[str, float] = field(default_factory=dict)
    not_measured: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The items: spaces in the order of their first scan, or scans."""
        return tuple(dict.fromkeys(self.split.spaces if self.units == "spaces" else self.split.names))

    def add(self, metric: str, outcomes: Outcomes, over: NDArray[Any] | None = None) -> None:
        """Add the mean of some outcomes.

        Args:
            metric: Its name.
            outcomes: (S,) fractions, NaN for a scan that takes no part.
            over: (S,) classes; where given, the number is the unweighted mean over classes of their means.
        """
        rows = np.flatnonzero(~np.isnan(outcomes))
        names = self.split.spaces if self.units == "spaces" else self.split.names
        units = [names[row] for row in rows]
        if len(set(units)) < 2:
            self.not_measured[metric] = f"{len(rows)} scans of {len(set(units))} {self.units} take part"
            return
        if over is None:
            found, of_units = cluster_outcomes(outcomes[rows], units)
        else:
            found, of_units = class_mean_cluster_outcomes(outcomes[rows], over[rows], units)
        place = {name: row for row, name in enumerate(self.names)}
        items = np.full(len(place), np.nan)
        items[[place[name] for name in found]] = of_units
        self.records.append(record_from_interval(metric, jackknife_interval(of_units)))
        self.items[f"{metric}__last"] = items
        self.num_queries[metric] = len(rows)

    def result(
        self, details: Mapping[str, Any] | None = None, arrays: Mapping[str, NDArray[Any]] | None = None
    ) -> ProtocolResult:
        """Return everything as the result of a protocol.

        Args:
            details: Further values that explain the numbers.
            arrays: Arrays for figures.

        Raises:
            EvaluationError: Nothing was measured.
        """
        if not self.records:
            raise EvaluationError(
                "Nothing could be measured on these scans",
                where=f"{self.split.dataset}/{self.split.split}",
                expected=f"two or more {self.units} that have what a measure asks for",
                found=self.not_measured or "no modality that the protocol asks for",
                next_step="test more scans, or set 'units: scans' in the protocol's settings",
            )
        own = {
            "num_scans": len(self.split),
            "num_spaces": len(set(self.split.spaces)),
            "units": self.units,
            "num_queries": self.num_queries,
            "chance": self.chance,
            "not_measured": self.not_measured,
        }
        return ProtocolResult(tuple(self.records), self.items, self.names, {**own, **(details or {})}, arrays or {})
