"""Linear probing of frozen features: standardised, then multinomial logistic regression (MM-Mixing spec 5.2).

Shape legend: S training items, T test items, R draws, C classes, d feature width.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from concord3d.errors import EvaluationError
from concord3d.measures.linear_svm import check_classifier_inputs
from concord3d.measures.ranking import places_of

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Probe:
    """Outcomes of a linear probe.

    Attributes:
        correct: (T,) 1 where right, 0 where wrong, the chance of being right where classes tie.
        cost: The C that was used.
        table: C to accuracy in percent on the held-out part of the training items; empty where C was given.
        num_held_out: Training items held out to choose C.
        converged: Whether the last fit met its tolerance within the iterations allowed.
    """

    correct: FloatArray
    cost: float
    table: dict[float, float]
    num_held_out: int
    converged: bool


def fit_and_score(
    train_features: NDArray[np.float32],
    train_labels: NDArray[np.int64],
    test_features: NDArray[np.float32],
    test_labels: NDArray[np.int64],
    cost: float,
    max_iterations: int = 1000,
) -> tuple[FloatArray, bool]:
    """Fit on standardised training features and classify the test items.

    Args:
        train_features: (S, d).
        train_labels: (S,).
        test_features: (T, d), standardised with the statistics of the training features.
        test_labels: (T,); a class unknown to training is never right.
        cost: C, the inverse of the strength of the L2 penalty.
        max_iterations: Steps of the optimiser.

    Returns:
        (T,) outcomes as in :class:`Probe`, and whether the fit converged.
    """
    scaler = StandardScaler().fit(train_features.astype(np.float64))
    classifier = LogisticRegression(C=cost, max_iter=max_iterations)
    with warnings.catch_warnings():
        # Not converging is part of the result, not of the terminal.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(scaler.transform(train_features.astype(np.float64)), train_labels)
    scores = classifier.decision_function(scaler.transform(test_features.astype(np.float64)))
    if scores.ndim == 1:
        scores = np.stack([np.zeros_like(scores), scores], axis=1)
    column = np.searchsorted(classifier.classes_, test_labels).clip(0, len(classifier.classes_) - 1)
    known = classifier.classes_[column] == test_labels
    return places_of(scores, column).hit_rate(1) * known, bool((classifier.n_iter_ < max_iterations).all())


def held_out_part(labels: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Return (S,) True on a random part of every class, for choosing C.

    Of a class of n items ``share * n`` are held out, at least one and not all; a class with a single item stays whole.
    """
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), dtype=np.bool_)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        count = min(max(round(share * len(members)), 1), len(members) - 1)
        held_out[members[:count]] = True
    return held_out


def linear_probe(
    train_features: NDArray[np.float32],
    train_labels: NDArray[np.int64],
    test_features: NDArray[np.float32],
    test_labels: NDArray[np.int64],
    costs: tuple[float, ...],
    held_out_share: float = 0.1,
    seed: int = 0,
    max_iterations: int = 1000,
) -> Probe:
    """Choose C on a part of the training items, fit on all of them, and classify the test items.

    Args:
        train_features: (S, d).
        train_labels: (S,).
        test_features: (T, d).
        test_labels: (T,).
        costs: Values of C to choose from; the smallest of equally good ones is taken.
        held_out_share: Share of the training items that C is chosen on.
        seed: Seed of that choice.
        max_iterations: Steps of the optimiser.

    Raises:
        EvaluationError: A single class, features that are not finite or of different widths, or nothing to hold out.
    """
    check_classifier_inputs(train_features, train_labels, test_features)
    held_out = held_out_part(train_labels, held_out_share, seed)
    fit = ~held_out
    if len(costs) > 1 and not held_out.any():
        raise EvaluationError(
            "Every class has a single training item, so that C cannot be chosen on held-out ones",
            expected="two items in a class",
            found=f"{len(train_labels)} items of {len(train_labels)} classes",
            next_step="give a single value of 'costs' in the protocol's settings",
        )
    table: dict[float, float] = {}
    for cost in sorted(costs) if len(costs) > 1 else ():
        correct, _ = fit_and_score(
            train_features[fit],
            train_labels[fit],
            train_features[held_out],
            train_labels[held_out],
            cost,
            max_iterations,
        )
        table[float(cost)] = float(100 * correct.mean())
    chosen = max(table, key=lambda cost: (table[cost], -cost)) if table else float(costs[0])
    correct, converged = fit_and_score(train_features, train_labels, test_features, test_labels, chosen, max_iterations)
    return Probe(correct, chosen, table, int(held_out.sum()) if table else 0, converged)


def draw_shots(labels: NDArray[np.int64], num_shots: int, seed: int, draw: int) -> NDArray[np.int64]:
    """Return the sorted training items of one draw: ``num_shots`` of each class, all of a class that has fewer.

    The draw depends on the labels alone, so that every encoder is probed with the same items.
    """
    rng = np.random.default_rng([seed, num_shots, draw])
    members = [rng.permutation(np.flatnonzero(labels == label))[:num_shots] for label in np.unique(labels)]
    return np.sort(np.concatenate(members))


def few_shot_probe(
    train_features: NDArray[np.float32],
    train_labels: NDArray[np.int64],
    test_features: NDArray[np.float32],
    test_labels: NDArray[np.int64],
    num_shots: int,
    num_draws: int = 10,
    cost: float = 1.0,
    seed: int = 0,
    max_iterations: int = 1000,
) -> FloatArray:
    """Probe with a few training items per class, several times.

    Args:
        train_features: (S, d).
        train_labels: (S,).
        test_features: (T, d).
        test_labels: (T,).
        num_shots: Training items per class.
        num_draws: R.
        cost: C.
        seed: Seed of the draws.
        max_iterations: Steps of the optimiser.

    Returns:
        (R, T) outcomes as in :class:`Probe`.

    Raises:
        EvaluationError: A single class, or features that are not finite or of different widths.
    """
    check_classifier_inputs(train_features, train_labels, test_features)
    outcomes = []
    for draw in range(num_draws):
        shots = draw_shots(train_labels, num_shots, seed, draw)
        correct, _ = fit_and_score(
            train_features[shots], train_labels[shots], test_features, test_labels, cost, max_iterations
        )
        outcomes.append(correct)
    return np.stack(outcomes)
