"""Which vertices of a scan belong to each object, and where they lie.

Shape legend: N vertices, O objects.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Box = tuple[NDArray[np.float64], NDArray[np.float64]]


def vertices_of_objects(rows: NDArray[np.int64], num_objects: int) -> list[NDArray[np.int64]]:
    """Return the vertices of each object, rising.

    Args:
        rows: (N,) row of each vertex's object, -1 for none.
        num_objects: O.
    """
    order = np.argsort(rows, kind="stable")
    ends = np.searchsorted(rows[order], np.arange(num_objects + 1))
    return [order[start:stop] for start, stop in pairwise(ends)]


def object_boxes(points: NDArray[np.floating], rows: NDArray[np.int64], num_objects: int) -> list[Box | None]:
    """Return the least and greatest coordinates of each object, None without vertices.

    Args:
        points: (N, 3).
        rows: (N,) row of each vertex's object, -1 for none.
        num_objects: O.
    """
    parts = [points[own].astype(np.float64) for own in vertices_of_objects(rows, num_objects)]
    return [(part.min(axis=0), part.max(axis=0)) if len(part) else None for part in parts]


def locations(points: NDArray[np.float32], rows: NDArray[np.int64], num_objects: int) -> NDArray[np.float32]:
    """Return (O, 6) float32 mean and extents of each object's vertices, zeros without vertices (CrossOver spec 2).

    Args:
        points: (N, 3).
        rows: (N,) row of each vertex's object, -1 for none.
        num_objects: O.
    """
    found = np.zeros((num_objects, 6))
    has_object = rows >= 0
    np.add.at(found[:, :3], rows[has_object], points[has_object].astype(np.float64))
    counts = np.bincount(rows[has_object], minlength=num_objects)
    for row, box in enumerate(object_boxes(points, rows, num_objects)):
        if box is not None:
            found[row, :3] /= counts[row]
            found[row, 3:] = box[1] - box[0]
    return found.astype(np.float32)
