"""Nearest neighbours: accuracy, purity and silhouette of features, and the occupancy-grid baseline.

Ties are shared, never broken by the order of storage: features that are all equal score what guessing scores.
Shape legend: S training items, T test items, d feature width, C classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.errors import EvaluationError
from concord3d.measures.vectors import TIE, unit_rows

_CHUNK = 512

FloatArray = NDArray[np.float64]


def _one_hot(labels: NDArray[np.int64], num_classes: int) -> FloatArray:
    return (labels[:, None] == np.arange(num_classes)).astype(np.float64)


def neighbour_weights(distances: FloatArray, num_neighbours: int) -> FloatArray:
    """Return how much each candidate counts as one of the k nearest neighbours.

    Args:
        distances: (T, S); infinite excludes a candidate.
        num_neighbours: k.

    Returns:
        (T, S) weights in [0, 1] with row sums k: 1 where strictly closer than the k-th distance; candidates tied at the
        k-th distance share the places that are left.
    """
    limit = np.partition(distances, num_neighbours - 1, axis=1)[:, num_neighbours - 1, None]
    closer = distances < limit - TIE
    tied = ~closer & (distances <= limit + TIE)
    places = num_neighbours - closer.sum(axis=1, keepdims=True)
    return closer + tied * (places / tied.sum(axis=1, keepdims=True))


def _vote(votes: FloatArray, labels: NDArray[np.int64]) -> FloatArray:
    """Return (T,) the chance that the class with most votes is right, where equal votes are drawn by lot."""
    leading = votes >= votes.max(axis=1, keepdims=True) - TIE
    right = np.take_along_axis(leading, np.maximum(labels, 0)[:, None], axis=1)[:, 0] & (labels >= 0)
    return right / leading.sum(axis=1)


def _check_neighbours(num_neighbours: int, num_candidates: int) -> None:
    if not 1 <= num_neighbours <= num_candidates:
        raise EvaluationError(
            "More neighbours than candidates", expected=f"1 to {num_candidates} neighbours", found=num_neighbours
        )


def knn_correct(
    train_features: NDArray[np.float32],
    train_labels: NDArray[np.int64],
    test_features: NDArray[np.float32],
    test_labels: NDArray[np.int64],
    num_neighbours: int = 20,
) -> FloatArray:
    """Classify by the majority among the k nearest training items in cosine distance.

    Args:
        train_features: (S, d).
        train_labels: (S,).
        test_features: (T, d).
        test_labels: (T,).
        num_neighbours: k, at most S.

    Returns:
        (T,) 1 where right, 0 where wrong, a fraction where classes tie.

    Raises:
        EvaluationError: Features that are not finite, or k out of range.
    """
    _check_neighbours(num_neighbours, len(train_features))
    train, test = unit_rows(train_features), unit_rows(test_features)
    one_hot = _one_hot(train_labels, int(max(train_labels.max(), test_labels.max())) + 1)
    parts = []
    for start in range(0, len(test), _CHUNK):
        weights = neighbour_weights(1.0 - test[start : start + _CHUNK] @ train.T, num_neighbours)
        parts.append(_vote(weights @ one_hot, test_labels[start : start + _CHUNK]))
    return np.concatenate(parts)


def knn_purity(features: NDArray[np.float32], labels: NDArray[np.int64], num_neighbours: int = 10) -> FloatArray:
    """Return (T,) the share of each item's k nearest other items that have its class.

    Args:
        features: (T, d).
        labels: (T,).
        num_neighbours: k, at most T - 1.

    Raises:
        EvaluationError: Features that are not finite, or k out of range.
    """
    _check_neighbours(num_neighbours, len(features) - 1)
    rows = unit_rows(features)
    parts = []
    for start in range(0, len(rows), _CHUNK):
        stop = min(start + _CHUNK, len(rows))
        distances = 1.0 - rows[start:stop] @ rows.T
        distances[np.arange(stop - start), np.arange(start, stop)] = np.inf
        same = labels[start:stop, None] == labels
        parts.append((neighbour_weights(distances, num_neighbours) * same).sum(axis=1) / num_neighbours)
    return np.concatenate(parts)


def silhouette(features: NDArray[np.float32], labels: NDArray[np.int64]) -> FloatArray:
    """Return (T,) silhouette of each item in cosine distance; 0 in a class of one item and where all distances vanish.

    Args:
        features: (T, d).
        labels: (T,) with at least two classes.

    Raises:
        EvaluationError: Fewer than two classes, or features that are not finite.
    """
    rows = unit_rows(features)
    classes, index = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise EvaluationError("A silhouette needs at least two classes", expected=">= 2", found=len(classes))
    # The mean cosine distance to a class follows from the sum of its unit vectors; no (T, T) matrix is needed.
    one_hot = _one_hot(index, len(classes))
    sizes = one_hot.sum(axis=0)
    products = rows @ (one_hot.T @ rows).T
    own_rows = np.arange(len(rows))
    own_size = sizes[index]
    own = 1.0 - (products[own_rows, index] - (rows**2).sum(axis=1)) / np.maximum(own_size - 1, 1)
    others = 1.0 - products / sizes
    others[own_rows, index] = np.inf
    nearest_other = others.min(axis=1)
    scale = np.maximum(own, nearest_other)
    usable = (own_size > 1) & (scale > TIE)
    return np.divide(nearest_other - own, scale, out=np.zeros(len(rows)), where=usable)


def occupancy_grid(points: NDArray[np.float32], resolution: int) -> NDArray[np.float32]:
    """Return (S, resolution^3) 1 where a cell of the cube [-1, 1]^3 holds a point, else 0; points outside are clipped.

    Args:
        points: (S, P, 3).
        resolution: Cells per axis.
    """
    cells = np.clip(((points + 1) / 2 * resolution).astype(np.int64), 0, resolution - 1)
    flat = (cells[..., 0] * resolution + cells[..., 1]) * resolution + cells[..., 2]
    grid = np.zeros((len(points), resolution**3), dtype=np.float32)
    grid[np.arange(len(points))[:, None], flat] = 1
    return grid


def _unit_sphere(points: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = points - points.mean(axis=1, keepdims=True)
    radius = np.linalg.norm(centred, axis=2).max(axis=1)[:, None, None]
    return np.asarray(centred / np.maximum(radius, 1e-12), dtype=np.float32)


def occupancy_knn_correct(
    train_points: NDArray[np.float32],
    train_labels: NDArray[np.int64],
    test_points: NDArray[np.float32],
    test_labels: NDArray[np.int64],
    resolution: int = 16,
) -> FloatArray:
    """Classify each cloud by the training cloud whose occupied cells differ least (Hamming distance).

    It shows how far a trivial cue goes: classes that it separates would make every encoder look good.

    Args:
        train_points: (S, P, 3).
        train_labels: (S,).
        test_points: (T, P, 3).
        test_labels: (T,).
        resolution: Cells per axis of the cube around the unit sphere.

    Returns:
        (T,) 1 where right, 0 where wrong, a fraction where nearest clouds of several classes tie.
    """
    train = occupancy_grid(_unit_sphere(train_points), resolution)
    test = occupancy_grid(_unit_sphere(test_points), resolution)
    occupied = train.sum(axis=1)
    one_hot = _one_hot(train_labels, int(max(train_labels.max(), test_labels.max())) + 1)
    parts = []
    for start in range(0, len(test), _CHUNK):
        # The Hamming distance up to a constant per test cloud; whole numbers below 2^24 are exact in float32.
        distances = (occupied - 2 * (test[start : start + _CHUNK] @ train.T)).astype(np.float64)
        parts.append(_vote(neighbour_weights(distances, 1) @ one_hot, test_labels[start : start + _CHUNK]))
    return np.concatenate(parts)
