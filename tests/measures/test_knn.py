"""Neighbour measures against literal versions, and with every kind of tie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import silhouette_samples
from sklearn.neighbors import KNeighborsClassifier

from concord3d.errors import EvaluationError
from concord3d.measures.knn import (
    knn_correct,
    knn_purity,
    neighbour_weights,
    occupancy_grid,
    occupancy_knn_correct,
    silhouette,
)


def features(num_items: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(num_items, 6)).astype(np.float32)


@given(st.integers(1, 7), st.integers(0, 1000))
@settings(max_examples=40)
def test_weights_sum_to_k_and_equal_the_mean_over_orders(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    distances = rng.integers(0, 4, size=(3, 8)).astype(float)
    weights = neighbour_weights(distances, k)
    np.testing.assert_allclose(weights.sum(axis=1), k)
    for row in range(3):
        # The literal meaning: break ties by a random order of storage, and count how often each candidate is chosen.
        limit = np.sort(distances[row])[k - 1]
        closer, tied = distances[row] < limit, distances[row] == limit
        expected = closer + tied * (k - closer.sum()) / tied.sum()
        np.testing.assert_allclose(weights[row], expected)


def test_accuracy_equals_scikit_learn_without_ties() -> None:
    train, test = features(200, 0), features(80, 1)
    labels, truth = np.arange(200) % 2, np.arange(80) % 2
    theirs = KNeighborsClassifier(5, metric="cosine").fit(train, labels).predict(test)
    np.testing.assert_array_equal(knn_correct(train, labels, test, truth, 5), (theirs == truth).astype(float))


def test_purity_equals_a_literal_count() -> None:
    rows, labels = features(60, 3), np.arange(60) % 4
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    literal = []
    for i in range(60):
        order = [j for j in np.argsort(1 - unit @ unit[i]) if j != i][:7]
        literal.append(np.mean([labels[j] == labels[i] for j in order]))
    np.testing.assert_allclose(knn_purity(rows, labels, 7), literal)


def test_silhouette_equals_scikit_learn() -> None:
    rows, labels = features(90, 4), np.arange(90) % 3
    labels[0] = 7
    theirs = silhouette_samples(rows.astype(np.float64), labels, metric="cosine")
    np.testing.assert_allclose(silhouette(rows, labels), theirs, atol=1e-9)


def test_constant_features_score_chance() -> None:
    constant = np.full((120, 5), 0.3, dtype=np.float32)
    labels = np.sort(np.arange(120) % 4)
    assert knn_correct(constant, labels, constant, labels, 10).mean() == pytest.approx(0.25)
    np.testing.assert_allclose(knn_purity(constant, labels, 10), 29 / 119)
    np.testing.assert_array_equal(silhouette(constant, labels), 0)


def test_zero_features_score_chance() -> None:
    zeros, labels = np.zeros((40, 5), dtype=np.float32), np.arange(40) % 2
    assert knn_correct(zeros, labels, zeros, labels, 3).mean() == pytest.approx(0.5)


def test_order_of_storage_does_not_matter() -> None:
    train, test = np.round(features(100, 5)), np.round(features(50, 6))
    labels, truth = np.arange(100) % 5, np.arange(50) % 5
    order = np.random.default_rng(0).permutation(100)
    np.testing.assert_allclose(
        knn_correct(train, labels, test, truth, 4), knn_correct(train[order], labels[order], test, truth, 4)
    )


def test_well_separated_classes_are_found() -> None:
    labels = np.arange(60) % 3
    rows = (np.eye(3)[labels] + 0.01).astype(np.float32)
    assert knn_correct(rows, labels, rows, labels, 5).mean() == 1
    assert knn_purity(rows, labels, 5).mean() == pytest.approx(1)


def test_a_test_class_unknown_to_training_is_wrong() -> None:
    train, labels = features(20, 0), np.zeros(20, dtype=np.int64)
    assert knn_correct(train, labels, train[:3], np.array([4, 4, 4]), 1).sum() == 0


@pytest.mark.parametrize("k", [0, 21])
def test_impossible_numbers_of_neighbours_are_refused(k: int) -> None:
    rows, labels = features(20, 0), np.arange(20) % 2
    with pytest.raises(EvaluationError, match="neighbours"):
        knn_correct(rows, labels, rows, labels, k)
    with pytest.raises(EvaluationError, match="neighbours"):
        knn_purity(rows, labels, k)


def test_silhouette_of_one_class_is_refused() -> None:
    with pytest.raises(EvaluationError, match="two classes"):
        silhouette(features(5, 0), np.zeros(5, dtype=np.int64))


def test_occupancy_grid_marks_the_cells_of_the_points() -> None:
    points = np.array([[[-1, -1, -1], [0.9, 0.9, 0.9], [5, 5, 5]]], dtype=np.float32)
    grid = occupancy_grid(points, 2)
    np.testing.assert_array_equal(np.flatnonzero(grid[0]), [0, 7])


def test_occupancy_neighbour_equals_a_literal_search() -> None:
    rng = np.random.default_rng(8)
    train, test = (rng.normal(size=(n, 40, 3)).astype(np.float32) for n in (30, 20))
    labels, truth = np.arange(30) % 3, np.arange(20) % 3

    def grid(cloud: NDArray[np.float32]) -> set[tuple[int, ...]]:
        centred = cloud - cloud.mean(axis=0)
        unit = centred / np.linalg.norm(centred, axis=1).max()
        return {tuple(cell) for cell in np.clip(((unit + 1) / 2 * 6).astype(int), 0, 5)}

    cells = [grid(cloud) for cloud in train]
    for i, value in enumerate(occupancy_knn_correct(train, labels, test, truth, 6)):
        distances = np.array([len(grid(test[i]) ^ other) for other in cells])
        votes = np.bincount(labels[distances == distances.min()], minlength=3)
        leading = np.flatnonzero(votes == votes.max())
        assert value == pytest.approx((truth[i] in leading) / len(leading))


def test_occupancy_neighbour_of_the_same_clouds_is_perfect_whatever_their_place_and_size() -> None:
    clouds = np.random.default_rng(1).normal(size=(12, 60, 3)).astype(np.float32)
    labels = np.arange(12)
    assert occupancy_knn_correct(clouds, labels, 4 * clouds + 2, labels, 8).mean() == 1
