"""Linear SVM on frozen features: the main protocol of MM-Point and its lineage (MM-Point spec 6.1).

The classifier is scikit-learn's ``SVC`` on a precomputed Gram matrix, which is the same machine as ``kernel='linear'``
but computes every inner product once. Shape legend: S training items, T test items, d feature width.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.svm import SVC

from concord3d.errors import EvaluationError
from concord3d.measures.vectors import check_features

_CACHE_MB = 200
_LARGEST_COST = 1e6


@dataclass(frozen=True)
class CostSearch:
    """The choice of the SVM's cost by cross-validation on training features.

    Attributes:
        cost: The chosen C: best mean accuracy, the smaller C on a tie.
        table: C to mean cross-validated accuracy in percent.
        num_items: Training items used by the search.
        num_folds: Folds used.
    """

    cost: float
    table: dict[float, float]
    num_items: int
    num_folds: int


def gram_matrix(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (S, T) inner products in float64, so that the result does not hinge on rounding of the features."""
    first = left.astype(np.float64)
    # With one and the same operand numpy computes only half of the symmetric product.
    return first @ (first if right is left else right.astype(np.float64)).T


def check_training_labels(labels: NDArray[np.int64], num_rows: int) -> None:
    """Raise EvaluationError unless there is one label per row and at least two classes."""
    if labels.shape != (num_rows,):
        raise EvaluationError("Labels and features differ in number", expected=(num_rows,), found=labels.shape)
    if len(np.unique(labels)) < 2:
        raise EvaluationError(
            "A classifier needs at least two classes in the training split",
            expected=">= 2 classes",
            found=f"{len(np.unique(labels))} in {num_rows} items",
        )


def check_classifier_inputs(
    train_features: NDArray[np.float32], train_labels: NDArray[np.int64], test_features: NDArray[np.float32]
) -> None:
    """Raise EvaluationError unless a classifier can be fitted on the training features and asked about the others."""
    check_features(train_features, "training features")
    check_features(test_features, "test features")
    check_training_labels(train_labels, len(train_features))
    if train_features.shape[1] != test_features.shape[1]:
        raise EvaluationError(
            "Training and test features differ in width", expected=train_features.shape[1], found=test_features.shape[1]
        )


def fit_predict(
    train_gram: NDArray[np.float64], labels: NDArray[np.int64], test_gram: NDArray[np.float64], cost: float
) -> NDArray[np.int64]:
    """Fit a one-vs-one SVC on a Gram matrix and predict.

    Args:
        train_gram: (S, S).
        labels: (S,) classes.
        test_gram: (T, S) inner products of test items with training items.
        cost: C.

    Returns:
        (T,) predicted classes.
    """
    return np.asarray(_fit(train_gram, labels, cost).predict(test_gram), dtype=np.int64)


def predictions_by_cost(
    train_gram: NDArray[np.float64],
    labels: NDArray[np.int64],
    test_gram: NDArray[np.float64],
    costs: Iterable[float],
) -> dict[float, NDArray[np.int64]]:
    """Predict with each of several C; beyond one that gives hard margins nothing is fitted, since nothing changes.

    Args:
        train_gram: (S, S).
        labels: (S,) classes.
        test_gram: (T, S) inner products of test items with training items.
        costs: Values of C.

    Returns:
        (T,) predicted classes by C, in ascending order of C.
    """
    predicted: dict[float, NDArray[np.int64]] = {}
    final: NDArray[np.int64] | None = None
    for cost in sorted(set(costs)):
        if final is None:
            classifier = _fit(train_gram, labels, cost)
            predicted[cost] = np.asarray(classifier.predict(test_gram), dtype=np.int64)
            final = predicted[cost] if _has_hard_margins(classifier, cost) else None
        else:
            predicted[cost] = final
    return predicted


def _fit(train_gram: NDArray[np.float64], labels: NDArray[np.int64], cost: float) -> SVC:
    return SVC(kernel="precomputed", C=cost, cache_size=_CACHE_MB).fit(train_gram, labels)


def _has_hard_margins(classifier: SVC, cost: float) -> bool:
    """Say whether no multiplier reaches C, so that a larger C gives the same classifier."""
    return bool(np.abs(classifier.dual_coef_).max() < cost)


def _search_subset(labels: NDArray[np.int64], max_items: int | None, seed: int) -> NDArray[np.int64]:
    """Return the sorted indices of a stratified subset of at most ``max_items`` items."""
    everything = np.arange(len(labels))
    if max_items is None or max_items >= len(labels):
        return everything
    # A class with a single item cannot be stratified; it stays out of the search, not out of the final fit.
    counts = np.bincount(labels)
    usable = everything[counts[labels] >= 2]
    num_classes = len(np.unique(labels[usable]))
    if max_items < num_classes or len(usable) - max_items < num_classes:
        return usable
    chosen, _ = train_test_split(usable, train_size=max_items, stratify=labels[usable], random_state=seed)
    return np.sort(chosen)


def _fold_scores(
    gram: NDArray[np.float64], labels: NDArray[np.int64], num_folds: int, seed: int
) -> Callable[[float], tuple[float, bool]]:
    """Return a function from C to the mean accuracy over fixed stratified folds, and whether every margin is hard."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        splits = list(StratifiedKFold(num_folds, shuffle=True, random_state=seed).split(labels, labels))
    for fit, _ in splits:
        check_training_labels(labels[fit], len(fit))

    def score(cost: float) -> tuple[float, bool]:
        accuracies, hard = [], True
        for fit, out in splits:
            classifier = _fit(gram[np.ix_(fit, fit)], labels[fit], cost)
            accuracies.append((classifier.predict(gram[np.ix_(out, fit)]) == labels[out]).mean())
            hard = hard and _has_hard_margins(classifier, cost)
        return float(np.mean(accuracies)), hard

    return score


def search_cost(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    grid: tuple[float, ...],
    num_folds: int = 5,
    max_items: int | None = None,
    seed: int = 0,
    extend: bool = True,
) -> CostSearch:
    """Choose C by stratified cross-validation on training features only (``clean``, MM-Point spec 5 and 6.1).

    Features are not scaled (MM-Point spec 6.1), so the C that suits them depends on their size: an untrained
    PointNet's are so small that every C of the published range gives one and the same poor classifier, its multipliers
    all at C. While the largest C is as good as any, or none is better than the smallest, the grid is therefore
    continued in steps of ten, up to hard margins.

    Args:
        features: (S, d) training features.
        labels: (S,) classes.
        grid: Values of C to try.
        num_folds: Folds; fewer where even the largest class has fewer items.
        max_items: Size of a stratified subset for the search, or None for all items.
        seed: Seed of the subset and the folds.
        extend: Continue the grid upwards while that helps.

    Raises:
        EvaluationError: A single class, features that are not finite, or too few items to form two folds.
    """
    check_features(features)
    check_training_labels(labels, len(features))
    index = _search_subset(labels, max_items, seed)
    chosen, y = features[index], labels[index]
    counts = np.bincount(y)
    folds = min(num_folds, int(counts.max()))
    if folds < 2 or len(np.unique(y)) < 2:
        raise EvaluationError("Too few items per class for cross-validation", expected=">= 2 in a class", found=folds)
    score = _fold_scores(gram_matrix(chosen, chosen), y, folds, seed)
    table, hard = {}, False
    for candidate in sorted(grid):
        table[float(candidate)], hard = score(candidate)
    while extend and not hard and (largest := max(table)) < _LARGEST_COST:
        if max(table[largest], table[min(table)]) < max(table.values()):
            break
        table[10 * largest], hard = score(10 * largest)
    cost = max(table, key=lambda c: (table[c], -c))
    return CostSearch(cost, {c: 100 * accuracy for c, accuracy in table.items()}, len(index), folds)


def linear_svm(
    train_features: NDArray[np.float32],
    train_labels: NDArray[np.int64],
    test_features: NDArray[np.float32],
    cost: float,
) -> NDArray[np.int64]:
    """Fit the linear SVM on all training features, without scaling, and predict the test items (MM-Point spec 6.1).

    Args:
        train_features: (S, d).
        train_labels: (S,).
        test_features: (T, d).
        cost: C.

    Returns:
        (T,) predicted classes.

    Raises:
        EvaluationError: A single class, features that are not finite, or widths that differ.
    """
    check_classifier_inputs(train_features, train_labels, test_features)
    train_gram = gram_matrix(train_features, train_features)
    return fit_predict(train_gram, train_labels, gram_matrix(test_features, train_features), cost)
