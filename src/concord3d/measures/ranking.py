"""Measures of ranked lists in which ties count as what a random order of the tied candidates gives on average.

Constant embeddings therefore score chance. Shape legend: Q queries, G candidates.
"""

from __future__ import annotations

from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.measures.knn import neighbour_weights
from concord3d.measures.vectors import TIE

FloatArray = NDArray[np.float64]


class Places(NamedTuple):
    """Where the right candidate of each query stands.

    Attributes:
        better: (Q,) candidates with a higher score.
        tied: (Q,) candidates with the same score, the right one included.
    """

    better: FloatArray
    tied: FloatArray

    def hit_rate(self, k: int) -> FloatArray:
        """Return (Q,) the chance that the right candidate is among the first k."""
        return np.clip((k - self.better) / self.tied, 0.0, 1.0)

    def expected_rank(self) -> FloatArray:
        """Return (Q,) the mean rank of the right candidate, from 1."""
        return self.better + (self.tied + 1) / 2


def check_cutoff(k: int, num_candidates: int, what: str = "candidates", setting: str = "ks") -> None:
    """Raise EvaluationError unless ``1 <= k <= num_candidates``: a longer list would hold everything.

    Args:
        k: Length of the list.
        num_candidates: How many there are to choose from.
        what: What they are.
        setting: Key of the protocol's settings that holds k.
    """
    if not 1 <= k <= num_candidates:
        raise EvaluationError(
            f"k lies above the number of {what}",
            expected=f"1 to {num_candidates} {what}",
            found=f"k = {k}",
            next_step=f"leave {k} out of '{setting}' in the protocol's settings",
        )


def places_of(scores: FloatArray, answers: NDArray[np.int64]) -> Places:
    """Find the right candidate of each query.

    Args:
        scores: (Q, G), higher is better.
        answers: (Q,) index of the right candidate.
    """
    return places_around(scores, np.take_along_axis(scores, answers[:, None], axis=1)[:, 0])


def places_around(scores: FloatArray, right: FloatArray) -> Places:
    """As :func:`places_of`, from the scores ``right`` (Q,) of the right candidates, which are among ``scores``."""
    better = (scores > right[:, None] + TIE).sum(axis=1)
    tied = (scores >= right[:, None] - TIE).sum(axis=1) - better
    return Places(better.astype(np.float64), tied.astype(np.float64))


def precision_at(scores: FloatArray, relevant: NDArray[np.bool_], k: int) -> FloatArray:
    """Return (Q,) the expected share of relevant candidates among the first k.

    Args:
        scores: (Q, G), higher is better; minus infinity excludes a candidate.
        relevant: (Q, G).
        k: At most the number of candidates that are not excluded.
    """
    return (neighbour_weights(-scores, k) * relevant).sum(axis=1) / k


def average_precision(scores: FloatArray, relevant: NDArray[np.bool_]) -> FloatArray:
    """Return (Q,) the expected average precision; NaN for a query without relevant candidates.

    Inside a run of n equal scores with r relevant candidates, after N candidates of which R are relevant, place i is
    relevant with probability r / n, and then holds on average R + 1 + (i - 1) (r - 1) / (n - 1) relevant ones up to
    itself.

    Args:
        scores: (Q, G), higher is better; minus infinity on a candidate that is not relevant excludes it.
        relevant: (Q, G).

    Source: McSherry and Najork, Computing information retrieval performance measures efficiently in the presence of
    tied scores, 2008.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked, hits = np.take_along_axis(scores, order, axis=1), np.take_along_axis(relevant, order, axis=1)
    num_candidates = scores.shape[1]
    place = np.arange(num_candidates)
    begins = np.ones(scores.shape, dtype=np.bool_)
    begins[:, 1:] = ranked[:, :-1] - ranked[:, 1:] > TIE
    start = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    ends = np.ones(scores.shape, dtype=np.bool_)
    ends[:, :-1] = begins[:, 1:]
    stop = np.minimum.accumulate(np.where(ends, place + 1, num_candidates)[:, ::-1], axis=1)[:, ::-1]
    seen = np.zeros((len(scores), num_candidates + 1))
    np.cumsum(hits, axis=1, out=seen[:, 1:])
    before = np.take_along_axis(seen, start, axis=1)
    in_run = np.take_along_axis(seen, stop, axis=1) - before
    size = stop - start
    within = (place - start) * (in_run - 1) / np.maximum(size - 1, 1)
    gain = in_run / size * (before + 1 + within) / (place + 1)
    total = seen[:, -1]
    return np.divide(gain.sum(axis=1), total, out=np.full(len(scores), np.nan), where=total > 0)


def any_hit_rate(scores: FloatArray, relevant: NDArray[np.bool_], k: int) -> FloatArray:
    """Return (Q,) the chance that at least one relevant candidate is among the first k.

    Of t candidates tied at the k-th place, r of them relevant, m go into the list: all orders alike, none of these is
    relevant with the probability C(t - r, m) / C(t, m).

    Args:
        scores: (Q, G), higher is better; minus infinity excludes a candidate.
        relevant: (Q, G).
        k: At least 1; a list longer than the candidates holds them all.
    """
    better, tied = first_places(scores, k)
    found = np.array((better & relevant).any(axis=1), dtype=np.float64)
    num_tied, num_relevant = tied.sum(axis=1), (tied & relevant).sum(axis=1)
    places = np.minimum(k - better.sum(axis=1), num_tied)
    for row in np.flatnonzero((found == 0) & (num_relevant > 0)):
        t, r, m = int(num_tied[row]), int(num_relevant[row]), int(places[row])
        found[row] = 1 - comb(t - r, m) / comb(t, m)
    return found


def first_places(scores: FloatArray, k: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which candidates are surely among the first k, and which share the places that are left.

    Args:
        scores: (Q, G), higher is better; minus infinity excludes a candidate.
        k: At least 1; a list longer than the candidates holds them all.

    Returns:
        Two (Q, G) masks. At least one candidate is tied where a row has any.
    """
    last = min(k, scores.shape[1])
    limit = np.partition(scores, -last, axis=1)[:, -last, None]
    # A row with fewer candidates than places ends with its worst one.
    worst = np.min(scores, axis=1, keepdims=True, where=np.isfinite(scores), initial=np.inf)
    limit = np.where(np.isfinite(limit), limit, worst)
    better = scores > limit + TIE
    return better, ~better & (scores >= limit - TIE)
