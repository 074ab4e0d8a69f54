"""Clusters of points that lie near each other.

Shape legend: P points, D dimensions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def linked_clusters(points: NDArray[np.floating], reach: float) -> NDArray[np.int64]:
    """Put points into one cluster where a chain of points leads from one to the other, with steps of at most ``reach``.

    Args:
        points: (P, D).
        reach: Longest step.

    Returns:
        (P,) number of each point's cluster, from 0 in the order of their first points.

    Example:
        >>> linked_clusters(np.array([[0.0], [1.0], [5.0]]), 1.0).tolist()
        [0, 0, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    pairs = cKDTree(points).query_pairs(reach, output_type="ndarray") if len(points) else np.zeros((0, 2), np.int64)
    shape = (len(points), len(points))
    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape)
    if not len(points):
        return np.zeros(0, np.int64)
    found = connected_components(graph, directed=False)[1]
    _, first, inverse = np.unique(found, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    return np.asarray(order[inverse], dtype=np.int64)
