"""Cost of the evaluation: SVC on a Gram matrix beside its linear kernel, the search of C, and the spread of seeds.

Run with ``pytest benchmarks/bench_evaluation.py``. Features are random around class centres, with the
numbers of shapes of ModelNet40 where the name says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.svm import SVC

from concord3d.measures.knn import knn_correct
from concord3d.measures.linear_svm import fit_predict, gram_matrix, linear_svm, search_cost
from concord3d.protocols.linear_svm import Settings
from concord3d.statistics.seed_spread import SeedSpread


def features(num_items: int, width: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(40, width))
    labels = rng.integers(40, size=num_items)
    return (0.15 * centres[labels] + 0.5 * rng.normal(size=(num_items, width))).astype(np.float32), labels


@pytest.mark.parametrize("kernel", ["precomputed", "linear"])
def test_svc_kernel(benchmark: Any, kernel: str) -> None:
    """The same classifier with and without the Gram matrix."""
    train, labels = features(2000, 2048, 0)
    test, _ = features(500, 2048, 1)
    if kernel == "precomputed":
        predicted = benchmark.pedantic(linear_svm, (train, labels, test, 0.01), rounds=1)
    else:
        plain = SVC(kernel="linear", C=0.01)
        predicted = benchmark.pedantic(lambda: plain.fit(train, labels).predict(test), rounds=1)
    assert (predicted == linear_svm(train, labels, test, 0.01)).mean() > 0.99


@pytest.mark.slow
def test_svc_modelnet40_size(benchmark: Any) -> None:
    """Fit and predict with 9,843 x 2,048 features; the Gram matrices are made outside the clock."""
    train, labels = features(9843, 2048, 0)
    test, truth = features(2468, 2048, 1)
    grams = gram_matrix(train, train), gram_matrix(test, train)
    predicted = benchmark.pedantic(fit_predict, (grams[0], labels, grams[1], 0.01), rounds=1)
    assert (predicted == truth).mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("max_items", [1000, 3000])
def test_search_of_the_cost(benchmark: Any, max_items: int) -> None:
    train, labels = features(9843, 1024, 0)
    found = benchmark.pedantic(
        search_cost, (train, labels), {"grid": Settings().c_grid, "max_items": max_items}, rounds=1
    )
    assert found.num_items == max_items


def test_knn_modelnet40_size(benchmark: Any) -> None:
    train, labels = features(9843, 256, 0)
    test, truth = features(2468, 256, 1)
    correct = benchmark.pedantic(knn_correct, (train, labels, test, truth, 20), rounds=1)
    assert correct.mean() > 0.5


def test_spread_of_seeds_modelnet40_size(benchmark: Any) -> None:
    """Ten experiments with 3 seeds, on 2,468 items."""
    outcomes = (np.random.default_rng(0).random((30, 2468)) < 0.9).astype(float)
    names, seeds = [f"e{row // 3}" for row in range(30)], [row % 3 for row in range(30)]
    spread = benchmark.pedantic(SeedSpread.of, (names, seeds, [outcomes], [0]), rounds=3)
    assert spread.own.freedom == 18
