"""Numbers that say of features what a map of them only suggests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.measures.knn import knn_purity, silhouette
from concord3d.protocols.evaluation.results import Record, record_from_interval
from concord3d.statistics.bootstrap import bootstrap_mean_interval


def embedding_quality(
    features: NDArray[np.float32], labels: NDArray[np.int64], num_neighbours: int
) -> tuple[list[Record], dict[str, NDArray[np.float64]]]:
    """Return purity of neighbourhoods and silhouette as records, and their outcomes per item.

    Args:
        features: (T, d).
        labels: (T,).
        num_neighbours: k of the purity.

    Raises:
        EvaluationError: Features that are not finite, fewer than two classes, or k out of range.
    """
    purity, widths = knn_purity(features, labels, num_neighbours), silhouette(features, labels)
    records = [
        record_from_interval("knn_purity", bootstrap_mean_interval(purity)),
        record_from_interval("silhouette", bootstrap_mean_interval(widths), unit="1"),
    ]
    return records, {"knn_purity__last": purity, "silhouette__last": widths}
