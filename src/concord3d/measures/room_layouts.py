"""What the layout of a room alone says of it: its size, and how many objects of each class it holds.

A test room whose layout a training room has too would be known by heart. And if layouts alone found rescans and scene
types, encoders would have to be better than that to show anything.

Shape legend: S scans, T training scans, P points of a scan, K classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.measures.ranking import FloatArray


def room_layout(points: NDArray[np.float32], labels: NDArray[np.int64], num_classes: int) -> FloatArray:
    """Return (3 + K,) the layout of a scan.

    Args:
        points: (P, 3) in metres, z up.
        labels: (N,) class of each object, -1 for none.
        num_classes: K.

    Returns:
        The longer and the shorter horizontal extent and the height, in metres, and the number of objects by class.
    """
    extents = np.ptp(points.astype(np.float64), axis=0)
    counts = np.bincount(labels[labels >= 0], minlength=num_classes)
    return np.concatenate([np.sort(extents[:2])[::-1], extents[2:], counts])


def layout_scores(queries: FloatArray, candidates: FloatArray, scale_of: FloatArray) -> FloatArray:
    """Return (S, T) minus the Euclidean distances of layouts, each number divided by its deviation over some scans.

    Args:
        queries: (S, 3 + K).
        candidates: (T, 3 + K).
        scale_of: Layouts over which deviations are taken; what is the same in all of them is left out.

    Raises:
        EvaluationError: Layouts of other widths.
    """
    if queries.shape[1] != candidates.shape[1] or scale_of.shape[1] != queries.shape[1]:
        raise EvaluationError("Layouts differ in width", expected=queries.shape[1], found=candidates.shape[1])
    deviation = scale_of.std(axis=0)
    varies = deviation > 0
    first, second = (layouts[:, varies] / deviation[varies] for layouts in (queries, candidates))
    # One query at a time: all differences at once would be as large as all pairs of layouts.
    return -np.stack([np.sqrt(((second - query) ** 2).sum(axis=1)) for query in first])
