"""Retrieval by cosine between shapes, pictures and texts in one space (MM-Mixing spec 5.3).

Scores are exact and in float64 whatever the size of the gallery: above a limit, faiss proposes candidates, which are
scored again, and queries that the candidates cannot settle are scored against the whole gallery. Ties count as a random
order of the tied candidates does on average. Shape legend: Q queries, G candidates, S shapes, D feature width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.measures.faiss_search import nearest_by_faiss
from concord3d.measures.ranking import (
    FloatArray,
    Places,
    average_precision,
    check_cutoff,
    places_around,
    places_of,
    precision_at,
)
from concord3d.measures.vectors import TIE, unit_rows

# Scores held at once.
CHUNK_ELEMENTS = 1 << 22
FAISS_ABOVE = 100_000
# Candidates that faiss proposes per query, and the queries whose candidates are scored at once.
_DEPTH = 256
_RESCORED = 32
# Inner products of unit vectors in float32 are this exact.
_FLOAT32_ERROR = 1e-5

Search = Callable[[FloatArray, FloatArray, int], NDArray[np.int64]]


@dataclass(frozen=True)
class Retrieved:
    """Outcomes of queries that each have one right candidate.

    Attributes:
        places: Where the right candidate of each query stands.
        precision: (Q,) share of the query's class among the first candidates, NaN for a query without a class.
        num_rescanned: Queries that faiss could not settle; None where it was not used.
    """

    places: Places
    precision: FloatArray
    num_rescanned: int | None


def _check_sides(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> None:
    if queries.ndim != 2 or gallery.ndim != 2 or queries.shape[1] != gallery.shape[1]:
        raise EvaluationError(
            "Queries and gallery lie in different spaces", expected=gallery.shape[1:], found=queries.shape[1:]
        )


def _row_chunks(num_queries: int, num_candidates: int, chunk_elements: int) -> Iterator[slice]:
    step = max(1, chunk_elements // num_candidates)
    for start in range(0, num_queries, step):
        yield slice(start, min(start + step, num_queries))


def retrieve_instances(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    answers: NDArray[np.int64],
    query_labels: NDArray[np.int64],
    gallery_labels: NDArray[np.int64],
    precision_k: int = 10,
    faiss_above: int = FAISS_ABOVE,
    chunk_elements: int = CHUNK_ELEMENTS,
    search: Search = nearest_by_faiss,
) -> Retrieved:
    """Rank a gallery for each query and find its one right candidate, and its class among the first candidates.

    Args:
        queries: (Q, D), need not be normalised.
        gallery: (G, D), need not be normalised.
        answers: (Q,) index of each query's right candidate.
        query_labels: (Q,) classes, -1 where there is none.
        gallery_labels: (G,) classes, -1 where there is none.
        precision_k: Candidates among which the query's class is counted.
        faiss_above: Size of the gallery above which ``search`` proposes candidates.
        chunk_elements: Scores held at once; the outcome does not depend on it.
        search: Returns the indices of the candidates with the largest inner products.

    Raises:
        EvaluationError: Features that are not finite or lie in different spaces, or ``precision_k`` above G.
        DependencyMissing: The gallery is large and faiss is not installed.
    """
    _check_sides(queries, gallery)
    check_cutoff(precision_k, len(gallery), "gallery items", "precision_k")
    rows, candidates = unit_rows(queries, "queries"), unit_rows(gallery, "gallery")
    better, tied, precision = np.zeros((3, len(rows)))
    pending, num_rescanned = np.arange(len(rows)), None
    if len(candidates) > faiss_above:
        proposed = search(rows, candidates, min(max(_DEPTH, precision_k + 1), len(candidates)))
        settled = np.zeros(len(rows), dtype=np.bool_)
        for at in np.array_split(pending, -(-len(rows) // _RESCORED)):
            scores, right, settled[at] = _rescore(rows[at], candidates, answers[at], proposed[at], precision_k)
            better[at], tied[at] = places_around(scores, right)
            precision[at] = precision_at(scores, query_labels[at, None] == gallery_labels[proposed[at]], precision_k)
        pending = np.flatnonzero(~settled)
        num_rescanned = len(pending)
    for chunk in _row_chunks(len(pending), len(candidates), chunk_elements):
        at = pending[chunk]
        scores = rows[at] @ candidates.T
        better[at], tied[at] = places_of(scores, answers[at])
        precision[at] = precision_at(scores, query_labels[at, None] == gallery_labels, precision_k)
    return Retrieved(Places(better, tied), np.where(query_labels >= 0, precision, np.nan), num_rescanned)


def _rescore(
    rows: FloatArray, candidates: FloatArray, answers: NDArray[np.int64], proposed: NDArray[np.int64], precision_k: int
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Return scores of the proposed candidates (q, depth), of the right ones (q,), and which queries that settles."""
    scores = np.einsum("qd,qkd->qk", rows, candidates[proposed])
    right = (rows * candidates[answers]).sum(axis=1)
    if proposed.shape[1] == len(candidates):
        return scores, right, np.ones(len(rows), dtype=np.bool_)
    # No candidate outside the list scores more than this.
    limit = scores.min(axis=1) + _FLOAT32_ERROR
    last_counted = np.partition(scores, -precision_k, axis=1)[:, -precision_k]
    return scores, right, np.minimum(right, last_counted) - TIE > limit


def retrieve_classes(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    precision_k: int = 10,
    chunk_elements: int = CHUNK_ELEMENTS,
) -> tuple[FloatArray, FloatArray]:
    """Rank for each shape all others; those of its class are the right ones.

    Args:
        embeddings: (S, D), need not be normalised.
        labels: (S,) classes; a shape of class -1 is a candidate but no query.
        precision_k: Length of the list of the precision, below S.
        chunk_elements: Scores held at once; the outcome does not depend on it.

    Returns:
        (S,) precision at k and (S,) average precision; NaN for a shape whose class has no other shape.

    Raises:
        EvaluationError: Features that are not finite, or ``precision_k`` not below S.
    """
    check_cutoff(precision_k, len(embeddings) - 1, "other shapes", "precision_k")
    rows = unit_rows(embeddings, "embeddings of shapes")
    precision, average = np.full((2, len(rows)), np.nan)
    queries = np.flatnonzero((labels >= 0) & (np.bincount(labels + 1)[labels + 1] > 1))
    for chunk in _row_chunks(len(queries), len(rows), chunk_elements):
        at = queries[chunk]
        scores, relevant = rows[at] @ rows.T, labels[at, None] == labels
        scores[np.arange(len(at)), at] = -np.inf
        relevant[np.arange(len(at)), at] = False
        precision[at] = precision_at(scores, relevant, precision_k)
        average[at] = average_precision(scores, relevant)
    return precision, average


def first_candidates(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    count: int,
    excluded: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Return (Q, count) the candidates with the highest scores, the best first; of equal ones the first stored.

    Args:
        queries: (Q, D), a few or none.
        gallery: (G, D).
        count: At most G, or G - 1 with ``excluded``.
        excluded: (Q,) one candidate per query that is left out.

    Raises:
        EvaluationError: Features that are not finite or lie in different spaces.
    """
    _check_sides(queries, gallery)
    if len(queries) == 0:
        return np.zeros((0, count), dtype=np.int64)
    scores = unit_rows(queries, "queries") @ unit_rows(gallery, "gallery").T
    if excluded is not None:
        scores[np.arange(len(scores)), excluded] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :count]
