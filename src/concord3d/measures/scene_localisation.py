"""From one modality of a scene to the closest scenes, and from its objects to those of the scene found.

These are the two steps of CrossOver's first figure. They rank what is there and know no right answer; what they are
worth is measured by :mod:`concord3d.measures.scene_search` and :mod:`concord3d.measures.object_matching`.

Shape legend: S scans, Q queries, N objects of a scan, D feature width.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.measures.ranking import FloatArray
from concord3d.measures.vectors import check_features


class FoundScenes(NamedTuple):
    """Scans, the closest first; of equally close ones the first stored.

    Attributes:
        rows: (K,) int64 rows of scans.
        scores: (K,) their inner products with the query.
    """

    rows: NDArray[np.int64]
    scores: FloatArray


class MatchedObjects(NamedTuple):
    """The closest object of a scene for each query.

    Attributes:
        rows: (Q,) int64 rows of objects, -1 where there is none.
        scores: (Q,) their inner products with the queries; NaN where there is none.
    """

    rows: NDArray[np.int64]
    scores: FloatArray


def find_scenes(
    vectors: NDArray[np.float32], present: NDArray[np.bool_], query: NDArray[np.float32], count: int = 4
) -> FoundScenes:
    """Return the scans whose vectors are closest to a query.

    Args:
        vectors: (S, D) of the scans in one modality.
        present: (S,) which scans have the modality; the others are never found.
        query: (D,) of any modality in the same space.
        count: Scans that are returned, fewer where fewer have the modality.

    Raises:
        EvaluationError: Vectors that are not finite or of different widths, or no scan with the modality.

    Example:
        >>> find_scenes(np.eye(3, dtype=np.float32), np.ones(3, bool), np.array([0, 1, 0.5], np.float32), 2).rows
        array([1, 2])
    """
    rows = np.flatnonzero(present)
    if not len(rows):
        raise EvaluationError("No scan has the modality that is searched", found=f"{len(present)} scans without it")
    scores = _scores(query[None], vectors[rows])[0]
    order = np.argsort(-scores, kind="stable")[:count]
    return FoundScenes(rows[order], scores[order])


def localise(queries: NDArray[np.float32], objects: NDArray[np.float32], present: NDArray[np.bool_]) -> MatchedObjects:
    """Return for each object of a query the closest object of the scene that was found.

    Args:
        queries: (Q, D) of the objects of the query in one modality.
        objects: (N, D) of the objects of the scene in one modality.
        present: (N,) which of them have the modality.

    Raises:
        EvaluationError: Vectors that are not finite or of different widths.
    """
    rows = np.flatnonzero(present)
    if not len(rows) or not len(queries):
        return MatchedObjects(np.full(len(queries), -1), np.full(len(queries), np.nan))
    scores = _scores(queries, objects[rows])
    best = scores.argmax(axis=1)
    return MatchedObjects(rows[best], scores[np.arange(len(queries)), best])


def _scores(queries: NDArray[np.float32], candidates: NDArray[np.float32]) -> FloatArray:
    if queries.shape[1:] != candidates.shape[1:]:
        raise EvaluationError(
            "Queries and candidates lie in different spaces", expected=candidates.shape[1:], found=queries.shape[1:]
        )
    check_features(queries, "queries")
    check_features(candidates, "candidates")
    return np.asarray(queries.astype(np.float64) @ candidates.astype(np.float64).T)
