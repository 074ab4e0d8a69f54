"""Coarser triangle meshes.

Shape legend: V vertices, F faces, K faces that are left, U vertices that are left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FINEST, _STEP = 400, 1.12


def clustered(
    vertices: NDArray[np.float64], faces: NDArray[np.int32], max_faces: int
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int64]]:
    """Return a mesh with at most so many faces: vertices in one cell of a grid become their mean (vertex clustering).

    The cells are the smallest cubes that suffice. A mesh that is small enough is returned as it is.

    Args:
        vertices: (V, 3).
        faces: (F, 3).
        max_faces: At least 1; a grid of few cells may leave no face at all, then the faces before it are kept.

    Returns:
        Vertices (U, 3), faces (K, 3), and (K,) which faces these were.
    """
    made, kept = faces, np.arange(len(faces))
    places = vertices
    cell = float(np.ptp(vertices, axis=0).max()) / _FINEST
    low = vertices.min(axis=0)
    while len(made) > max_faces:
        _, first, number = np.unique(
            np.floor((vertices - low) / cell).astype(np.int64), axis=0, return_index=True, return_inverse=True
        )
        number = number.ravel()
        corners = number[faces]
        apart = np.flatnonzero(
            (corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2]) & (corners[:, 2] != corners[:, 0])
        )
        # Two sheets that fall together are one.
        _, once = np.unique(np.sort(corners[apart], axis=1), axis=0, return_index=True)
        left = apart[np.sort(once)]
        if not len(left):
            break
        counts = np.bincount(number, minlength=len(first))[:, None]
        places = np.stack([np.bincount(number, vertices[:, i], len(first)) for i in range(3)], axis=1) / counts
        made, kept = corners[left].astype(np.int32), left
        cell *= _STEP
    used, index = np.unique(made, return_inverse=True)
    return places[used], index.reshape(-1, 3).astype(np.int32), kept
