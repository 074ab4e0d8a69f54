"""Matching the objects of a scan between two modalities, or between two scans of one space (CrossOver spec 7.1 to 7.4).

Ties count as what a random order of the tied candidates gives on average, drawn for each query by itself. Shape legend:
Q queries, G candidates, D feature width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.measures.knn import neighbour_weights
from concord3d.measures.ranking import FloatArray

# Shares of a scan's objects are compared with thresholds to this precision.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Matches:
    """How the queries of one scan were matched.

    Attributes:
        hits: (Q,) the chance that the right candidate is among the first k, by k.
        same_errors: (Q,) the chance that the first candidate is another one of the query's class.
        diff_errors: (Q,) the chance that the first candidate is of another class. Both and ``hits[1]`` add up to 1.
    """

    hits: Mapping[int, FloatArray]
    same_errors: FloatArray
    diff_errors: FloatArray

    def recall(self, k: int) -> float:
        """Return the share of queries whose right candidate is among the first k (CrossOver spec 7.1)."""
        return float(self.hits[k].mean())

    def reached(self, threshold: float) -> float:
        """Return the chance that the share of queries with a right first candidate reaches a threshold, in (0, 1].

        Source: CrossOver spec 7.3.
        """
        needed = max(ceil(threshold * len(self.hits[1]) - _ROUNDING), 0)
        return chance_of_at_least(self.hits[1], needed)


def match_objects(
    scores: FloatArray,
    answers: NDArray[np.int64],
    query_labels: NDArray[np.int64],
    candidate_labels: NDArray[np.int64],
    ks: Sequence[int] = (1, 3),
) -> Matches:
    """Rank the candidates of each object.

    Args:
        scores: (Q, G), higher is better.
        answers: (Q,) index of the right candidate.
        query_labels: (Q,) classes.
        candidate_labels: (G,) classes.
        ks: Lengths of the lists; 1 is always among them. A list longer than the candidates holds them all.

    Raises:
        EvaluationError: No queries, arrays that do not fit each other, or scores that are not finite.

    Example:
        >>> match_objects(np.eye(2), np.arange(2), np.zeros(2, int), np.zeros(2, int)).recall(1)
        1.0
    """
    num_queries, num_candidates = scores.shape
    if num_queries == 0 or answers.shape != query_labels.shape or candidate_labels.shape != (num_candidates,):
        raise EvaluationError(
            "Objects to match do not fit each other",
            expected=f"at least one query; {scores.shape} labels",
            found=f"{answers.shape} answers, {query_labels.shape} and {candidate_labels.shape} labels",
        )
    if not np.isfinite(scores).all():
        raise EvaluationError("Scores of objects are not finite", found=f"{int((~np.isfinite(scores)).sum())} of them")
    weights = {k: neighbour_weights(-scores, min(k, num_candidates)) for k in {1, *ks}}
    hits = {k: np.take_along_axis(weight, answers[:, None], axis=1)[:, 0] for k, weight in sorted(weights.items())}
    wrong = weights[1].copy()
    np.put_along_axis(wrong, answers[:, None], 0.0, axis=1)
    alike = query_labels[:, None] == candidate_labels
    return Matches(hits, (wrong * alike).sum(axis=1), (wrong * ~alike).sum(axis=1))


def chance_of_at_least(chances: NDArray[Any], needed: int) -> float:
    """Return the chance that at least so many of several independent events happen.

    Args:
        chances: (Q,) of the events.
        needed: How many.
    """
    # counts[j]: the chance that j of the events so far happened; the last entry is that of ``needed`` or more.
    counts = np.zeros(needed + 1)
    counts[0] = 1.0
    for chance in np.asarray(chances, dtype=np.float64):
        happened = counts * chance
        last = counts[-1]
        counts *= 1 - chance
        counts[1:] += happened[:-1]
        counts[-1] = last + (happened[-2] if needed else 0.0)
    return float(counts[-1])
