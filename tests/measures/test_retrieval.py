"""Retrieval by cosine: literal searches, ties that count as chance, and proposed candidates that change nothing."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from concord3d.errors import DependencyMissing, EvaluationError
from concord3d.measures import retrieval
from concord3d.measures.faiss_search import nearest_by_faiss
from concord3d.measures.retrieval import first_candidates, retrieve_classes, retrieve_instances


def rows(count: int, seed: int, width: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def whole(count: int, seed: int, width: int = 3) -> NDArray[np.float32]:
    """Rows with few different directions, so that many scores tie exactly."""
    return np.random.default_rng(seed).integers(0, 2, size=(count, width)).astype(np.float32)


def test_instances_equal_a_literal_search() -> None:
    queries, gallery, answers = rows(15, 0), rows(23, 1), np.arange(15) + 4
    labels, others = np.arange(15) % 3, np.arange(23) % 3
    found = retrieve_instances(queries, gallery, answers, labels, others, precision_k=4)
    for i in range(15):
        cosines = [queries[i] @ row / np.linalg.norm(queries[i]) / np.linalg.norm(row) for row in gallery]
        order = np.argsort(cosines)[::-1]
        rank = int(np.flatnonzero(order == answers[i])[0]) + 1
        assert found.places.expected_rank()[i] == rank
        for k in (1, 5, 10):
            assert found.places.hit_rate(k)[i] == float(rank <= k)
        assert found.precision[i] == pytest.approx(np.mean(others[order[:4]] == labels[i]))


def test_classes_equal_a_literal_search() -> None:
    embeddings, labels = rows(30, 2), np.arange(30) % 4
    precision, average = retrieve_classes(embeddings, labels, precision_k=5)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    for i in range(30):
        order = [j for j in np.argsort(-(unit @ unit[i])) if j != i]
        hits = labels[order] == labels[i]
        assert precision[i] == pytest.approx(hits[:5].mean())
        assert average[i] == pytest.approx(np.mean([hits[: j + 1].mean() for j in np.flatnonzero(hits)]))


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_constant_embeddings_score_chance_against_anything(value: float) -> None:
    constant, labels = np.full((40, 6), value, np.float32), np.arange(40) % 4
    answers = np.arange(40)
    for queries, gallery in ((constant, constant), (rows(40, 3), constant)):
        found = retrieve_instances(queries, gallery, answers, labels, labels)
        for k in (1, 5, 10):
            np.testing.assert_allclose(found.places.hit_rate(k), k / 40)
        np.testing.assert_allclose(found.places.expected_rank(), 20.5)
        np.testing.assert_allclose(found.precision, 0.25)
    # Constant queries rank the gallery, but all alike: the right item is first for one of them.
    found = retrieve_instances(constant, rows(40, 3), answers, labels, labels)
    assert found.places.hit_rate(1).mean() == pytest.approx(1 / 40)
    assert found.places.hit_rate(10).mean() == pytest.approx(10 / 40)


def test_constant_embeddings_score_chance_between_shapes() -> None:
    labels = np.arange(60) % 4
    precision, average = retrieve_classes(np.full((60, 5), 0.3, np.float32), labels)
    np.testing.assert_allclose(precision, 14 / 59)
    hits = np.tile(labels[1:] == labels[0], (4000, 1))
    shuffled = np.random.default_rng(0).permuted(hits, axis=1)
    literal = (shuffled * shuffled.cumsum(axis=1) / np.arange(1, 60)).sum(axis=1) / 14
    np.testing.assert_allclose(average, literal.mean(), atol=4 * literal.std() / np.sqrt(4000))


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=30)
def test_order_of_the_gallery_does_not_matter(seed: int, with_ties: bool) -> None:
    make = whole if with_ties else rows
    queries, gallery, answers = make(12, seed), make(20, seed + 1), np.arange(12)
    labels, others = np.arange(12) % 3, np.arange(20) % 3
    order = np.random.default_rng(seed).permutation(20)
    place = np.argsort(order)
    plain = retrieve_instances(queries, gallery, answers, labels, others, 5)
    permuted = retrieve_instances(queries, gallery[order], place[answers], labels, others[order], 5)
    np.testing.assert_array_equal(plain.places.expected_rank(), permuted.places.expected_rank())
    np.testing.assert_allclose(plain.precision, permuted.precision)
    for ours, theirs in zip(
        retrieve_classes(gallery, others, 5), retrieve_classes(gallery[order], others[order], 5), strict=True
    ):
        np.testing.assert_allclose(ours[order], theirs)


@pytest.mark.parametrize("chunk_elements", [1, 50, 333])
def test_chunked_equals_full(chunk_elements: int) -> None:
    queries, gallery, answers = whole(17, 0, 4), whole(29, 1, 4), np.arange(17)
    labels, others = np.arange(17) % 3, np.arange(29) % 3
    full = retrieve_instances(queries, gallery, answers, labels, others, 5)
    chunked = retrieve_instances(queries, gallery, answers, labels, others, 5, chunk_elements=chunk_elements)
    for k in (1, 5, 10):
        np.testing.assert_array_equal(full.places.hit_rate(k), chunked.places.hit_rate(k))
    np.testing.assert_array_equal(full.precision, chunked.precision)
    for ours, theirs in zip(
        retrieve_classes(gallery, others, 5), retrieve_classes(gallery, others, 5, chunk_elements), strict=True
    ):
        np.testing.assert_allclose(ours, theirs)


def by_sorting(queries: NDArray[np.float64], gallery: NDArray[np.float64], depth: int) -> NDArray[np.int64]:
    """What faiss does, in numpy: largest inner products in float32."""
    scores = queries.astype(np.float32) @ gallery.astype(np.float32).T
    return np.argsort(-scores, axis=1, kind="stable")[:, :depth]


@pytest.mark.parametrize("kind", ["distinct", "tied", "constant"])
@pytest.mark.parametrize("proposals", ["sorted", "faiss"])
def test_proposed_candidates_change_nothing(kind: str, proposals: str) -> None:
    if proposals == "faiss":
        pytest.importorskip("faiss")
    search = by_sorting if proposals == "sorted" else nearest_by_faiss
    make = {"distinct": rows, "tied": whole, "constant": lambda n, seed: np.ones((n, 6), np.float32)}[kind]
    gallery = make(700, 1)
    queries = gallery[:80] + (0.5 * rows(80, 2) if kind == "distinct" else 0)
    answers, labels, others = np.arange(80), np.arange(80) % 7, np.arange(700) % 7
    exact = retrieve_instances(queries, gallery, answers, labels, others)
    proposed = retrieve_instances(queries, gallery, answers, labels, others, faiss_above=100, search=search)
    np.testing.assert_array_equal(exact.places.expected_rank(), proposed.places.expected_rank())
    np.testing.assert_allclose(exact.precision, proposed.precision)
    assert exact.num_rescanned is None and proposed.num_rescanned is not None
    assert (proposed.num_rescanned < 30) if kind == "distinct" else (proposed.num_rescanned > 0)


def test_proposals_that_hold_the_whole_gallery_settle_every_query() -> None:
    gallery, answers, labels = whole(90, 0), np.arange(90), np.arange(90) % 4
    exact = retrieve_instances(gallery, gallery, answers, labels, labels)
    proposed = retrieve_instances(gallery, gallery, answers, labels, labels, faiss_above=10, search=by_sorting)
    np.testing.assert_array_equal(exact.places.expected_rank(), proposed.places.expected_rank())
    assert proposed.num_rescanned == 0


def at_cosines(cosines: list[float]) -> NDArray[np.float64]:
    """Unit vectors of the plane with these cosines to the first axis."""
    return np.stack([cosines, np.sqrt(1 - np.square(cosines))], axis=1)


@pytest.mark.parametrize("doubtful", ["the right candidate", "the last one counted"])
def test_what_float32_cannot_tell_apart_is_scored_again(monkeypatch: pytest.MonkeyPatch, doubtful: str) -> None:
    # The search leaves out a candidate that is better than its last proposal by less than its own error.
    monkeypatch.setattr(retrieval, "_DEPTH", 5)
    cosines = [0.9, 0.8, 0.7, 0.500004, 0.5, 0.499995, 0.1]
    gallery, labels = at_cosines(cosines), np.array([1, 1, 1, 0, 1, 1, 1])
    right, precision_k = (4, 2) if doubtful == "the right candidate" else (0, 4)

    def search(queries: NDArray[np.float64], candidates: NDArray[np.float64], depth: int) -> NDArray[np.int64]:
        return np.array([[0, 1, 2, 4, 5]])

    found = retrieve_instances(
        at_cosines([1.0]), gallery, np.array([right]), np.array([0]), labels, precision_k, faiss_above=3, search=search
    )
    assert found.num_rescanned == 1
    assert found.places.expected_rank().tolist() == [right + 1]
    assert found.precision.tolist() == [0 if precision_k == 2 else 1 / 4]


def test_proposals_are_as_many_as_the_precision_counts() -> None:
    count = retrieval._DEPTH + 50
    queries, gallery, answers = rows(8, 0), rows(2 * count, 1), np.arange(8)
    labels, others = np.arange(8) % 3, np.arange(2 * count) % 3
    exact = retrieve_instances(queries, gallery, answers, labels, others, count)
    found = retrieve_instances(queries, gallery, answers, labels, others, count, faiss_above=10, search=by_sorting)
    np.testing.assert_array_equal(exact.precision, found.precision)


def test_missing_faiss_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    answers, labels = np.arange(20), np.zeros(20, dtype=np.int64)
    retrieve_instances(rows(20, 0), rows(20, 1), answers, labels, labels, faiss_above=20)
    with pytest.raises(DependencyMissing, match=r"faiss(.|\n)*faiss_above"):
        retrieve_instances(rows(20, 0), rows(20, 1), answers, labels, labels, faiss_above=19)


def test_a_shape_alone_in_its_class_is_no_query_but_a_candidate() -> None:
    labels = np.array([0, 0, 0, 1, -1, -1])
    precision, average = retrieve_classes(rows(6, 0), labels, precision_k=5)
    assert np.flatnonzero(np.isnan(precision)).tolist() == np.flatnonzero(np.isnan(average)).tolist() == [3, 4, 5]
    np.testing.assert_allclose(precision[:3], 2 / 5)


def test_a_single_class_is_always_found() -> None:
    precision, average = retrieve_classes(rows(12, 0), np.zeros(12, dtype=np.int64))
    np.testing.assert_allclose(precision, 1)
    np.testing.assert_allclose(average, 1)


def test_queries_without_a_class_have_no_precision() -> None:
    labels = np.array([0, 1, -1, 0])
    found = retrieve_instances(rows(4, 0), rows(4, 1), np.arange(4), labels, labels, precision_k=2)
    assert np.isnan(found.precision).tolist() == [False, False, True, False]


@pytest.mark.parametrize("side", ["queries", "gallery"])
def test_nan_is_refused_by_name(side: str) -> None:
    queries, gallery = rows(12, 0), rows(12, 1)
    (queries if side == "queries" else gallery)[5, 1] = np.nan
    with pytest.raises(EvaluationError, match=f"not finite(.|\n)*{side}(.|\n)*first: 5"):
        retrieve_instances(queries, gallery, np.arange(12), np.arange(12), np.arange(12))


def test_other_impossible_input_is_refused() -> None:
    labels = np.arange(12)
    with pytest.raises(EvaluationError, match="different spaces"):
        retrieve_instances(rows(12, 0, 6), rows(12, 1, 5), labels, labels, labels)
    with pytest.raises(EvaluationError, match="above the number of gallery items"):
        retrieve_instances(rows(9, 0), rows(9, 1), labels[:9], labels[:9], labels[:9], precision_k=10)
    with pytest.raises(EvaluationError, match="above the number of other shapes"):
        retrieve_classes(rows(10, 0), np.zeros(10, dtype=np.int64), precision_k=10)


def test_first_candidates() -> None:
    gallery = np.array([[1, 0], [0, 1], [2, 0], [1, 1]], np.float32)
    assert first_candidates(gallery[:1], gallery, 3).tolist() == [[0, 2, 3]]
    assert first_candidates(gallery[:1], gallery, 3, np.array([0])).tolist() == [[2, 3, 1]]
    assert first_candidates(gallery[:0], gallery, 3).shape == (0, 3)
