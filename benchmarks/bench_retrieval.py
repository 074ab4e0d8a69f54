"""Cost of retrieval and of linear probes: each measure beside its literal reference, and faiss beside the exact search.

Run with ``pytest benchmarks/bench_retrieval.py``; the literal references run on a tenth of the queries where the name
says so. Features are random, with the sizes of Objaverse-LVIS (46,832 shapes of width 1,280) where the name says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from concord3d.measures.probing import fit_and_score
from concord3d.measures.retrieval import retrieve_classes, retrieve_instances
from concord3d.measures.zero_shot import zero_shot_correct

NUM_SHAPES, WIDTH = 2000, 256


def features(num_items: int, width: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(num_items, width)).astype(np.float32)


def noisy(gallery: NDArray[np.float32], num_queries: int) -> NDArray[np.float32]:
    """Queries near their own gallery items, as the features of a trained encoder are."""
    return gallery[:num_queries] + 2 * features(num_queries, gallery.shape[1], 1)


def literal_recall(queries: NDArray[np.float32], gallery: NDArray[np.float32], k: int) -> float:
    hits = 0
    for i, query in enumerate(queries):
        cosines = [query @ row / np.linalg.norm(query) / np.linalg.norm(row) for row in gallery]
        hits += i in np.argsort(cosines)[::-1][:k]
    return hits / len(queries)


def literal_map(embeddings: NDArray[np.float32], labels: NDArray[np.int64], num_queries: int) -> float:
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    averages = []
    for i in range(num_queries):
        order = [j for j in np.argsort(-(unit @ unit[i])) if j != i]
        hits = labels[order] == labels[i]
        averages.append(np.mean([hits[: j + 1].mean() for j in np.flatnonzero(hits)]))
    return float(np.mean(averages))


@pytest.mark.parametrize("how", ["ours", "literal_on_a_tenth"])
def test_instance_retrieval(benchmark: Any, how: str) -> None:
    gallery = features(NUM_SHAPES, WIDTH, 0)
    queries, labels = noisy(gallery, NUM_SHAPES), np.arange(NUM_SHAPES) % 40
    tenth = NUM_SHAPES // 10
    reference = literal_recall(queries[:tenth], gallery, 5) if how == "ours" else None
    if how == "ours":
        arguments = (queries, gallery, np.arange(NUM_SHAPES), labels, labels)
        found = benchmark.pedantic(retrieve_instances, arguments, rounds=1)
        assert found.places.hit_rate(5)[:tenth].mean() == reference
    else:
        assert benchmark.pedantic(literal_recall, (queries[:tenth], gallery, 5), rounds=1) > 0


@pytest.mark.parametrize("how", ["ours", "literal_on_a_tenth"])
def test_retrieval_by_class(benchmark: Any, how: str) -> None:
    labels = np.arange(NUM_SHAPES) % 40
    embeddings = features(NUM_SHAPES, WIDTH, 0) + 0.5 * features(40, WIDTH, 2)[labels]
    tenth = NUM_SHAPES // 10
    if how == "ours":
        _, average = benchmark.pedantic(retrieve_classes, (embeddings, labels), rounds=1)
        assert average[:tenth].mean() == pytest.approx(literal_map(embeddings, labels, tenth), abs=1e-5)
    else:
        assert benchmark.pedantic(literal_map, (embeddings, labels, tenth), rounds=1) > 1 / 40


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["instances", "classes"])
def test_retrieval_lvis_size(benchmark: Any, measure: str) -> None:
    """A hundredth of the queries against the whole gallery; the cost grows with the number of queries."""
    gallery, labels = features(46_832, 1280, 0), np.arange(46_832) % 1156
    if measure == "instances":
        arguments = (noisy(gallery, 468), gallery, np.arange(468), labels[:468], labels)
        found = benchmark.pedantic(retrieve_instances, arguments, rounds=1)
        assert found.places.hit_rate(10).mean() > 0.9
    else:
        # Shapes without a class are candidates but no queries.
        asked = np.where(np.arange(46_832) < 468, labels % 4, -1)
        _, average = benchmark.pedantic(retrieve_classes, (gallery, asked), rounds=1)
        assert (~np.isnan(average)).sum() == 468


@pytest.mark.slow
@pytest.mark.parametrize("search", ["exact", "faiss"])
def test_large_gallery(benchmark: Any, search: str) -> None:
    """1,000 queries against 120,000 candidates of width 256."""
    if search == "faiss":
        pytest.importorskip("faiss")
    gallery, labels = features(120_000, WIDTH, 0), np.arange(120_000) % 1156
    arguments = (noisy(gallery, 1000), gallery, np.arange(1000), labels[:1000], labels, 10)
    limit = 100_000 if search == "faiss" else len(gallery)
    found = benchmark.pedantic(retrieve_instances, (*arguments, limit), rounds=1)
    assert (found.num_rescanned is None) == (search == "exact")


def test_zero_shot_lvis_classes(benchmark: Any) -> None:
    """5,000 shapes against 1,156 class names."""
    embeddings, classes = features(5000, 1280, 0), features(1156, 1280, 1)
    arguments = (embeddings, classes, np.arange(5000) % 1156, (1, 3, 5))
    found = benchmark.pedantic(zero_shot_correct, arguments, rounds=1)
    assert found[1].mean() <= found[3].mean() <= found[5].mean()


@pytest.mark.slow
@pytest.mark.parametrize("cost", [0.0001, 0.01, 1.0])
def test_linear_probe_modelnet40_size(benchmark: Any, cost: float) -> None:
    """One fit on 9,843 x 512 features of 40 classes."""
    labels = np.arange(9843) % 40
    train = features(9843, 512, 0) + 0.3 * features(40, 512, 2)[labels]
    test = features(2468, 512, 1) + 0.3 * features(40, 512, 2)[labels[:2468]]
    correct, _ = benchmark.pedantic(fit_and_score, (train, labels, test, labels[:2468], cost), rounds=1)
    assert correct.mean() > 0.3
