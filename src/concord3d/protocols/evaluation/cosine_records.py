"""Records of cosines of matched pairs and of their margins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.measures.alignment import Alignment
from concord3d.protocols.evaluation.results import Record, mean_record


class CosineRecords:
    """Collects cosines and their margins as records and per-item outcomes.

    Args:
        num_items: Test items; those that take no part in a measure have no outcome.

    Attributes:
        records: The means.
        items: (num_items,) outcomes by ``<metric>__last``, NaN where an item takes no part.
    """

    def __init__(self, num_items: int) -> None:
        self._num_items = num_items
        self.records: list[Record] = []
        self.items: dict[str, NDArray[np.float64]] = {}

    def add(self, cosine: str, margin: str, found: Alignment, rows: NDArray[np.int64]) -> None:
        """Add both measures of the items ``rows`` under their names."""
        for metric, values in ((cosine, found.cosine), (margin, found.margin)):
            if np.isfinite(values).all():
                outcomes = np.full(self._num_items, np.nan)
                outcomes[rows] = values
                self.records.append(mean_record(metric, outcomes, unit="cosine"))
                self.items[f"{metric}__last"] = outcomes
