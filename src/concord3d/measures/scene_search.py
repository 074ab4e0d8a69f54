"""Finding scans by scans: of one modality among all of another (CrossOver spec 7.5 to 7.9).

V are the scans that have both modalities. Queries and candidates are restricted to them. Every function returns (S,)
outcomes, NaN for a scan that is no query. Ties count as what a random order of the tied candidates gives on average.

Shape legend: S scans of a split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.measures.ranking import FloatArray, any_hit_rate, first_places

# The list that the released code puts back into the order of the data set (CrossOver spec 7.7).
PUBLISHED_LIST = 10


@dataclass(frozen=True)
class SceneSearch:
    """Scores of all scans as candidates for all scans as queries.

    Attributes:
        scores: (S, S) rows are queries; higher is better. Rows and columns outside V are not read.
        valid: (S,) bool, V.
    """

    scores: FloatArray
    valid: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.scores.shape != (len(self.valid), len(self.valid)):
            raise EvaluationError(
                "Scores are not of all scans with all scans",
                expected=(len(self.valid), len(self.valid)),
                found=self.scores.shape,
            )
        if not np.isfinite(self.scores[np.ix_(self.valid, self.valid)]).all():
            raise EvaluationError("Scores of scans are not finite", expected="finite scores")

    @property
    def num_scans(self) -> int:
        """Scans in V."""
        return int(self.valid.sum())

    def among(self, queries: NDArray[np.int64], without_own: bool) -> FloatArray:
        """Return (Q, S) scores of some queries of V, minus infinity for what is no candidate.

        Args:
            queries: (Q,) rows.
            without_own: Whether a scan is no candidate for itself.
        """
        scores = np.where(self.valid, self.scores[queries], -np.inf)
        if without_own:
            scores[np.arange(len(queries)), queries] = -np.inf
        return scores


def scan_found(search: SceneSearch, k: int) -> FloatArray:
    """Find the query's own scan among the first k (CrossOver spec 7.5); chance is k over the scans in V."""
    queries = np.flatnonzero(search.valid)
    own = queries[:, None] == np.arange(len(search.valid))
    return _spread(search, queries, any_hit_rate(search.among(queries, False), own, k))


def scene_type_found(search: SceneSearch, scene_types: Sequence[str], k: int) -> FloatArray:
    """Find a scan of the query's scene type among the first k, the own scan left out (CrossOver spec 7.6).

    Args:
        search: The scores.
        scene_types: (S,) empty where unknown: such a scan is a candidate but no query.
        k: Length of the list.
    """
    types = np.array(scene_types, dtype=np.str_)
    queries = np.flatnonzero(search.valid & (types != ""))
    return _spread(search, queries, any_hit_rate(search.among(queries, True), types[queries, None] == types, k))


def scan_found_in_type(search: SceneSearch, scene_types: Sequence[str], k: int) -> FloatArray:
    """Find the query's own scan among the first k of its scene type (CrossOver spec 7.8).

    The published number is the unweighted mean over types; a type of a single scan counts 1.

    Args:
        search: The scores.
        scene_types: (S,) empty where unknown: such a scan takes no part.
        k: Length of the list.
    """
    types = np.array(scene_types, dtype=np.str_)
    queries = np.flatnonzero(search.valid & (types != ""))
    own = queries[:, None] == np.arange(len(search.valid))
    scores = np.where(types[queries, None] == types, search.among(queries, False), -np.inf)
    return _spread(search, queries, any_hit_rate(scores, own, k))


def temporal_queries(spaces: Sequence[str], reference: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the reference scans of which the split holds a rescan (CrossOver spec 7.7)."""
    names, counts = np.unique(np.array(spaces, dtype=np.str_), return_counts=True)
    again = set(names[counts > 1])
    return np.array([row for row in np.flatnonzero(reference).tolist() if spaces[row] in again], dtype=np.int64)


def rescan_found(search: SceneSearch, spaces: Sequence[str], reference: NDArray[np.bool_], k: int) -> FloatArray:
    """Find a rescan of the reference scan's space among the first k, the own scan left out: ``temporal_rank``.

    Queries are all references with a rescan; one outside V counts 0, as published.

    Args:
        search: The scores.
        spaces: (S,) space of each scan.
        reference: (S,) which scans are references.
        k: Length of the list.

    Source: CrossOver spec 7.7.
    """
    queries, asked, relevant = _temporal(search, spaces, reference)
    outcomes = np.zeros(len(queries))
    outcomes[search.valid[queries]] = any_hit_rate(search.among(asked, True), relevant, k)
    return _spread(search, queries, outcomes)


def rescan_found_as_published(
    search: SceneSearch,
    spaces: Sequence[str],
    reference: NDArray[np.bool_],
    k: int,
    num_listed: int = PUBLISHED_LIST,
) -> FloatArray:
    """As :func:`rescan_found`, in the first k by the order of the data set of the ten best: ``temporal_as_published``.

    The released code sorts the rows of the ten best before it reads the first one and the first five. So only its
    top-10 is a rank statistic.

    Args:
        search: The scores.
        spaces: (S,) space of each scan.
        reference: (S,) which scans are references.
        k: Length of the list, at most ``num_listed``.
        num_listed: Scans that are put back into the order of the data set.

    Source: CrossOver spec 7.7.
    """
    queries, asked, relevant = _temporal(search, spaces, reference)
    better, tied = first_places(search.among(asked, True), num_listed)
    outcomes = np.zeros(len(queries))
    outcomes[search.valid[queries]] = [
        _in_order(sure, maybe, right, k, num_listed) for sure, maybe, right in zip(better, tied, relevant, strict=True)
    ]
    return _spread(search, queries, outcomes)


def _temporal(
    search: SceneSearch, spaces: Sequence[str], reference: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return all queries, those in V, and (Q, S) which candidates are rescans of the space of the latter."""
    queries = temporal_queries(spaces, reference)
    asked = queries[search.valid[queries]]
    names = np.array(spaces, dtype=np.str_)
    return queries, asked, names[asked, None] == names


def _in_order(
    sure: NDArray[np.bool_], maybe: NDArray[np.bool_], right: NDArray[np.bool_], k: int, num_listed: int
) -> float:
    """Return the chance that a right candidate is among the first k by row of a list.

    Args:
        sure: (S,) candidates that are in the list.
        maybe: (S,) candidates that share the places that are left, all choices alike.
        right: (S,) right ones.
        k: As said.
        num_listed: Length of the list.
    """
    left = num_listed - int(sure.sum())
    num_maybe = int(maybe.sum())
    if left >= num_maybe:
        return float(right[np.flatnonzero(sure | maybe)[:k]].any())
    # missed[j]: the chance that j of the tied ones are in the list so far, of fewer than k in all, and none was right.
    missed, hit, num_sure = {0: 1.0}, 0.0, 0
    for row in np.flatnonzero(sure | maybe):
        following: dict[int, float] = {}
        for taken, chance in missed.items():
            if num_sure + taken >= k:
                continue
            enters = 1.0 if sure[row] else (left - taken) / num_maybe
            if right[row]:
                hit += chance * enters
            elif enters:
                place = taken if sure[row] else taken + 1
                following[place] = following.get(place, 0.0) + chance * enters
            if enters < 1:
                following[taken] = following.get(taken, 0.0) + chance * (1 - enters)
        missed = following
        num_sure += int(sure[row])
        num_maybe -= int(maybe[row])
    return hit


def _spread(search: SceneSearch, rows: NDArray[np.int64], outcomes: FloatArray) -> FloatArray:
    spread = np.full(len(search.valid), np.nan)
    spread[rows] = outcomes
    return spread
