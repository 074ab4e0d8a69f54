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
from concord3d.statistics.jackknife import group_sums, numbered_groups


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
    mean = values.mean()
    names, sums = group_sums(values - mean, clusters)
    return names, np.asarray(mean + len(names) / len(values) * sums)


def class_mean_cluster_outcomes(
    outcomes: ArrayLike, classes: ArrayLike, clusters: Sequence[str]
) -> tuple[tuple[str, ...], FloatArray]:
    """Return the clusters and an outcome of each whose mean is the mean over classes, and whose spread its variance.

    Outcomes are the linear parts of the mean over classes, as those of
    :func:`concord3d.statistics.intervals.class_mean_outcomes`, added up over clusters. A class of a single cluster
    shows no spread between clusters, however many items it has: such classes are taken together, and one alone counts
    as known.

    Args:
        outcomes: (N,) per item.
        classes: (N,) class of each item.
        clusters: (N,) name of the cluster of each item.

    Returns:
        G names and (G,) outcomes.

    Raises:
        EvaluationError: See :func:`cluster_outcomes`.
    """
    values = checked_outcomes(outcomes, "mean over classes of clusters", 1)
    groups = np.asarray(classes)
    if groups.shape != values.shape or len(clusters) != len(values):
        raise EvaluationError(
            "Outcomes, classes and clusters differ in number", expected=len(values), found=(len(groups), len(clusters))
        )
    _, cluster = numbered_groups(clusters)
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    means = np.bincount(index, weights=values) / counts
    num_clusters = np.bincount(np.unique(np.stack([index, cluster]), axis=1)[0])
    single = num_clusters == 1
    centre = np.where(single, means[single].mean() if single.sum() > 1 else means, means)
    strata = np.where(single, single.sum(), num_clusters)
    stretch = np.sqrt(strata / np.maximum(strata - 1, 1))
    parts = (stretch / counts)[index] * (values - centre[index]) / len(means)
    names, sums = group_sums(parts, clusters)
    return names, np.asarray(means.mean() + len(names) * sums)
