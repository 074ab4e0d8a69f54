r"""Outcomes per cluster of items that are not independent, such as the scans of one room.

Let :math:`z_i` be the outcomes of N items with the mean :math:`\theta`, in G clusters. Then

.. math:: y_g = \theta + \frac{G}{N} \sum_{i \in g} (z_i - \theta)

have the mean :math:`\theta`, and the variance of their mean over G independent clusters is the cluster-robust one of
:math:`\theta`. So they are paired, averaged over seeds and compared like outcomes of any items.

Shape legend: N items, G clusters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from concord3d.errors import EvaluationError
from concord3d.statistics.intervals import FloatArray, checked_outcomes


def cluster_outcomes(outcomes: ArrayLike, clusters: Sequence[str]) -> tuple[tuple[str, ...], FloatArray]:
    """Return the clusters in the order of their first item, and an outcome of each.

    Args:
        outcomes: (N,) per item.
        clusters: (N,) name of the cluster of each item.

    Returns:
        G names and (G,) outcomes whose mean is that of the items' outcomes.

    Raises:
        EvaluationError: No outcomes, outcomes that are not finite, or another number of clusters' names.

    Example:
        >>> cluster_outcomes([1.0, 0.0, 1.0], ["a", "a", "b"])[1].round(4).tolist()
        [0.4444, 0.8889]
    """
    values = checked_outcomes(outcomes, "clusters", 1)
    if len(clusters) != len(values):
        raise EvaluationError("Outcomes and clusters differ in number", expected=len(values), found=len(clusters))
    names = tuple(dict.fromkeys(clusters))
    place = {name: row for row, name in enumerate(names)}
    mean = values.mean()
    sums = np.bincount([place[name] for name in clusters], weights=values - mean, minlength=len(names))
    return names, np.asarray(mean + len(names) / len(values) * sums)
