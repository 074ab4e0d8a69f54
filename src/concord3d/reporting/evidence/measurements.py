"""What the evaluations of a study measured, as their files hold it.

Shape legend: S test items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.reporting.evidence.report_inputs import ExpectedJob


@dataclass(frozen=True)
class Measurement:
    """One row of ``metrics.csv``; see the evaluation records for the fields."""

    experiment: str
    variant: str
    seed: int
    scale: str
    data_kind: str
    dataset: str
    protocol: str
    metric: str
    value: float
    n_items: int
    ci_low: float
    ci_high: float
    selection: str
    unit: str


@dataclass(frozen=True)
class Evaluation:
    """One evaluation file with its per-item outcomes.

    Attributes:
        path: The JSON file.
        measurements: Its rows.
        details: What the protocol tells about itself.
        items: ``<metric>__<selection>`` to (S,) outcomes; NaN where an item takes no part in the metric.
        item_names: (S,) names.
        arrays: Further arrays, for figures.
    """

    path: Path
    measurements: tuple[Measurement, ...]
    details: Mapping[str, Any]
    items: Mapping[str, NDArray[np.float64]]
    item_names: tuple[str, ...]
    arrays: Mapping[str, NDArray[Any]]

    @property
    def job(self) -> ExpectedJob:
        """Which evaluation this is."""
        first = self.measurements[0]
        return ExpectedJob(first.experiment, first.dataset, first.protocol, first.seed)

    @property
    def data_kind(self) -> str:
        """Kind of the data evaluated on."""
        return self.measurements[0].data_kind

    def tested(self, key: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        """Return the outcomes under a key and the names of their items, without items that take no part in it."""
        outcomes = self.items[key]
        takes_part = ~np.isnan(outcomes)
        if takes_part.all():
            return outcomes, self.item_names
        return outcomes[takes_part], tuple(self.item_names[i] for i in np.flatnonzero(takes_part))


def sorted_measurements(evaluations: Iterable[Evaluation]) -> tuple[Measurement, ...]:
    """Return the rows of some evaluations in the order of ``metrics.csv``."""
    rows = [row for evaluation in evaluations for row in evaluation.measurements]
    return tuple(sorted(rows, key=lambda m: (m.experiment, m.dataset, m.protocol, m.metric, m.selection, m.seed)))
