"""Few-shot classification of frozen features: N ways, K shots (MM-Point spec 6.2).

Shape legend: S clouds of the training split, d feature width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from concord3d.errors import EvaluationError
from concord3d.measures.vectors import check_features


@dataclass(frozen=True)
class Episode:
    """One draw of a few-shot task.

    Attributes:
        classes: (N,) class indices.
        support: (N * K,) rows to fit on.
        query: (N * Q,) rows to test on, disjoint from ``support``.
    """

    classes: NDArray[np.int64]
    support: NDArray[np.int64]
    query: NDArray[np.int64]


def eligible_classes(labels: NDArray[np.int64], num_shots: int, num_query: int) -> NDArray[np.int64]:
    """Return the classes that have at least ``num_shots + num_query`` clouds."""
    classes, counts = np.unique(labels[labels >= 0], return_counts=True)
    chosen: NDArray[np.int64] = classes[counts >= num_shots + num_query]
    return chosen


def draw_episodes(
    labels: NDArray[np.int64], num_ways: int, num_shots: int, num_query: int, num_runs: int, seed: int
) -> list[Episode]:
    """Draw episodes from labels alone, so that every encoder is tested on the same ones.

    Args:
        labels: (S,) classes; -1 is left out.
        num_ways: N classes per episode.
        num_shots: K support clouds per class.
        num_query: Query clouds per class.
        num_runs: Episodes.
        seed: Seed of the draw.

    Raises:
        EvaluationError: Fewer than N classes have enough clouds.
    """
    classes = eligible_classes(labels, num_shots, num_query)
    if num_ways < 2 or len(classes) < num_ways:
        raise EvaluationError(
            f"Cannot draw {num_ways}-way {num_shots}-shot episodes",
            expected=f"{max(num_ways, 2)} classes with {num_shots} + {num_query} clouds",
            found=f"{len(classes)} such classes",
            next_step="use fewer ways, shots or query clouds, or a larger training split",
        )
    rng = np.random.default_rng([seed, num_ways, num_shots])
    members = {int(c): np.flatnonzero(labels == c) for c in classes}
    episodes = []
    for _ in range(num_runs):
        ways = rng.choice(classes, size=num_ways, replace=False)
        drawn = [rng.choice(members[int(c)], size=num_shots + num_query, replace=False) for c in ways]
        support = np.concatenate([rows[:num_shots] for rows in drawn])
        query = np.concatenate([rows[num_shots:] for rows in drawn])
        episodes.append(Episode(ways.astype(np.int64), support, query))
    return episodes


def episode_accuracy(
    features: NDArray[np.float32], labels: NDArray[np.int64], episode: Episode, cost: float = 1.0
) -> float:
    """Return the query accuracy, a fraction, of a linear SVC on standardised features (MM-Point spec 6.2)."""
    scaler = StandardScaler().fit(features[episode.support].astype(np.float64))
    support, query = (scaler.transform(features[rows].astype(np.float64)) for rows in (episode.support, episode.query))
    classifier = SVC(kernel="linear", C=cost).fit(support, labels[episode.support])
    return float((classifier.predict(query) == labels[episode.query]).mean())


def few_shot_accuracies(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    num_ways: int,
    num_shots: int,
    num_query: int = 20,
    num_runs: int = 50,
    cost: float = 1.0,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return (num_runs,) query accuracies as fractions.

    Args:
        features: (S, d) features of the training split.
        labels: (S,) classes.
        num_ways: N.
        num_shots: K.
        num_query: Query clouds per class.
        num_runs: Episodes.
        cost: C of the SVC.
        seed: Seed of the episodes.

    Raises:
        EvaluationError: Features that are not finite, or too few clouds per class.
    """
    check_features(features)
    episodes = draw_episodes(labels, num_ways, num_shots, num_query, num_runs, seed)
    return np.array([episode_accuracy(features, labels, episode, cost) for episode in episodes])
