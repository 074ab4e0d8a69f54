"""The linear SVM against scikit-learn's own linear kernel, and its choices of C."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

from concord3d.errors import EvaluationError
from concord3d.measures import linear_svm as measures
from concord3d.measures.linear_svm import (
    _fold_scores,
    _search_subset,
    gram_matrix,
    linear_svm,
    predictions_by_cost,
    search_cost,
)
from concord3d.protocols.linear_svm import PUBLISHED_C, Settings

C_GRID = Settings().c_grid


def gaussian_classes(num_items: int, num_classes: int, seed: int, noise: float = 1.0) -> tuple[NDArray, NDArray]:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(num_classes, 24))
    labels = np.arange(num_items) % num_classes
    return (centres[labels] + noise * rng.normal(size=(num_items, 24))).astype(np.float32), labels


def unbalanced_classes() -> tuple[NDArray, NDArray]:
    features, labels = gaussian_classes(240, 3, 0, noise=0.3)
    kept = (labels == 0) | (np.arange(240) < 60)
    return features[kept], labels[kept]


@pytest.mark.parametrize("cost", [0.001, 0.01, 1.0])
@pytest.mark.parametrize("num_classes", [2, 7])
def test_precomputed_gram_gives_the_linear_kernels_classifier(cost: float, num_classes: int) -> None:
    train, labels = gaussian_classes(140, num_classes, 0, noise=2.0)
    test, _ = gaussian_classes(90, num_classes, 1, noise=2.0)
    expected = SVC(kernel="linear", C=cost).fit(train.astype(np.float64), labels).predict(test.astype(np.float64))
    np.testing.assert_array_equal(linear_svm(train, labels, test, cost), expected)


def test_predictions_by_cost_are_those_of_single_fits() -> None:
    train, labels = gaussian_classes(140, 5, 0, noise=2.0)
    test, _ = gaussian_classes(90, 5, 1, noise=2.0)
    grams = gram_matrix(train, train), gram_matrix(test, train)
    costs = (10.0, 1e-4, 0.01, 1e-4, 1000.0)
    predicted = predictions_by_cost(grams[0], labels, grams[1], costs)
    assert list(predicted) == [1e-4, 0.01, 10.0, 1000.0]
    for cost, found in predicted.items():
        np.testing.assert_array_equal(found, linear_svm(train, labels, test, cost))


def test_beyond_hard_margins_nothing_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    train, labels = gaussian_classes(60, 2, 0, noise=0.01)
    gram = gram_matrix(100 * train, 100 * train)
    fitted: list[float] = []
    fit = measures._fit
    monkeypatch.setattr(measures, "_fit", lambda g, y, cost: [fitted.append(cost), fit(g, y, cost)][1])
    predicted = predictions_by_cost(gram, labels, gram, (1e-9, 1.0, 10.0, 100.0))
    assert fitted == [1e-9, 1.0] and predicted[100.0] is predicted[1.0]


def test_constant_features_score_one_class_not_everything() -> None:
    labels = np.array([0] * 30 + [1] * 20 + [2] * 10)
    constant = np.ones((60, 8), dtype=np.float32)
    predicted = linear_svm(constant, labels, constant, 1.0)
    assert len(np.unique(predicted)) == 1
    assert (predicted == labels).mean() == 0.5


def test_constant_features_of_balanced_classes_score_chance() -> None:
    labels = np.arange(60) % 4
    constant = np.full((60, 8), 3.0, dtype=np.float32)
    assert (linear_svm(constant, labels, constant, 0.01) == labels).mean() == 0.25


def test_search_reads_training_items_only_and_is_deterministic() -> None:
    train, labels = gaussian_classes(120, 4, 0)
    first = search_cost(train, labels, seed=2, grid=C_GRID)
    assert first == search_cost(train.copy(), labels.copy(), seed=2, grid=C_GRID)
    assert set(first.table) >= set(C_GRID) and first.num_items == 120 and first.num_folds == 5


def test_search_takes_the_smallest_cost_on_a_tie() -> None:
    train, labels = gaussian_classes(80, 4, 0, noise=0.01)
    result = search_cost(train * 100, labels, grid=(1.0, 0.1, 10.0), extend=False)
    assert result.table == {0.1: 100.0, 1.0: 100.0, 10.0: 100.0} and result.cost == 0.1


def test_search_prefers_the_cost_that_generalises() -> None:
    # Features so small that a tiny C cannot separate them: the majority class wins everywhere.
    train, labels = unbalanced_classes()
    result = search_cost(train * 1e-3, labels, grid=(1e-4, 1e4), extend=False)
    assert result.cost == 1e4 and result.table[1e4] > result.table[1e-4] + 20


def test_search_goes_on_beyond_the_grid_for_features_that_are_small() -> None:
    train, labels = unbalanced_classes()
    plain, small = search_cost(train, labels, grid=C_GRID), search_cost(train * 1e-3, labels, grid=C_GRID)
    assert small.cost > max(C_GRID) and max(small.table.values()) >= max(plain.table.values()) - 2
    without = search_cost(train * 1e-3, labels, extend=False, grid=C_GRID)
    assert set(without.table) == set(C_GRID) and max(without.table.values()) < 75


def test_search_leaves_a_plateau_above_chance() -> None:
    # Where all multipliers are at C, every C gives the same poor classifier, which still beats chance.
    rng, labels = np.random.default_rng(0), np.arange(160) % 4
    own = np.eye(4)[labels] + 0.1 * rng.normal(size=(160, 4))
    train = np.concatenate([own, 4 * rng.normal(size=(160, 4))], 1).astype(np.float32)
    small = search_cost(train * np.float32(1e-3), labels, grid=C_GRID)
    assert 30 < small.table[0.001] == small.table[1000.0] < 50
    assert small.table[small.cost] > 99


def test_search_leaves_a_plateau_whose_end_lies_lower() -> None:
    # A draw in which the first C beyond the plateau costs an item.
    rng, labels = np.random.default_rng(102), np.repeat(np.arange(8), 10)
    centres, noise = 0.3 * rng.normal(size=(9, 32))[1:], rng.normal(size=(80, 32)) * np.geomspace(3, 0.1, 32)
    result = search_cost((0.01 * (centres[labels] + noise)).astype(np.float32), labels, grid=C_GRID)
    assert result.table[100.0] < result.table[0.001] < result.table[result.cost] - 5


def test_search_stops_at_hard_margins() -> None:
    train, labels = gaussian_classes(80, 4, 0, noise=0.01)
    assert max(search_cost(train * 100, labels, grid=C_GRID).table) == max(C_GRID)


def test_search_beyond_the_grid_ends() -> None:
    # Constant features never get better than the majority class, whatever C.
    result = search_cost(np.ones((40, 3), dtype=np.float32), np.arange(40) % 4, grid=(1.0,))
    assert max(result.table) == 1e6 and result.cost == 1.0


def test_search_on_a_subset_is_stratified_and_says_so() -> None:
    train, labels = gaussian_classes(300, 3, 0)
    result = search_cost(train, labels, max_items=90, grid=C_GRID)
    assert result.num_items == 90


def test_a_subset_has_the_shares_of_the_classes_and_is_drawn_by_the_seed() -> None:
    labels = np.repeat([0, 1, 2], [150, 100, 50])
    first, again, other = (_search_subset(labels, 60, seed) for seed in (0, 0, 1))
    for subset in (first, other):
        assert np.bincount(labels[subset]).tolist() == [30, 20, 10] and (np.diff(subset) > 0).all()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_another_seed_makes_other_folds() -> None:
    train, labels = gaussian_classes(120, 4, 0, noise=4.0)
    tables = [search_cost(train, labels, seed=seed, extend=False, grid=C_GRID).table for seed in (0, 0, 1)]
    assert tables[0] == tables[1] != tables[2]


@pytest.mark.parametrize("cost", [0.003, 0.05, 0.06, 0.1, 1.0])
def test_folds_are_scored_by_a_literal_loop_and_margins_are_hard_only_in_all_of_them(cost: float) -> None:
    # At 0.05 the margin of the first fold alone is hard, at 0.06 also that of the last.
    train, labels = gaussian_classes(40, 2, 3, noise=1.0)
    accuracies, largest = [], []
    for fit, out in StratifiedKFold(5, shuffle=True, random_state=4).split(train, labels):
        classifier = SVC(kernel="linear", C=cost).fit(train[fit].astype(np.float64), labels[fit])
        accuracies.append((classifier.predict(train[out].astype(np.float64)) == labels[out]).mean())
        largest.append(np.abs(classifier.dual_coef_).max())
    accuracy, hard = _fold_scores(gram_matrix(train, train), labels, 5, 4)(cost)
    assert accuracy == pytest.approx(np.mean(accuracies))
    assert hard == all(value < cost for value in largest)


def test_inner_products_are_exact_to_float64() -> None:
    left = np.array([[4096.0, 1.0]], np.float32)
    right = np.array([[4096.0, 0.5], [4096.0, 0.25]], np.float32)
    assert gram_matrix(left, right).tolist() == [[2.0**24 + 0.5, 2.0**24 + 0.25]]
    assert gram_matrix(left, left).tolist() == [[2.0**24 + 1]]


def test_search_uses_fewer_folds_for_small_classes() -> None:
    train, labels = gaussian_classes(9, 3, 0)
    assert search_cost(train, labels, grid=C_GRID).num_folds == 3


def test_search_survives_a_class_with_one_item() -> None:
    train, labels = gaussian_classes(61, 3, 0)
    labels = labels.copy()
    labels[-1] = 3
    assert search_cost(train, labels, grid=C_GRID).num_folds == 5
    assert search_cost(train, labels, max_items=30, grid=C_GRID).num_items == 30


def test_published_costs_are_those_of_the_notebooks() -> None:
    assert PUBLISHED_C["modelnet40"] == 0.01
    assert PUBLISHED_C["modelnet10"] == 0.0085
    assert PUBLISHED_C["scanobjectnn_obj_bg"] == 0.009


def test_single_class_is_refused() -> None:
    train, _ = gaussian_classes(20, 2, 0)
    with pytest.raises(EvaluationError, match="two classes"):
        linear_svm(train, np.zeros(20, dtype=np.int64), train, 1.0)
    with pytest.raises(EvaluationError, match="two classes"):
        search_cost(train, np.zeros(20, dtype=np.int64), grid=C_GRID)


def test_widths_and_numbers_must_match() -> None:
    train, labels = gaussian_classes(20, 2, 0)
    with pytest.raises(EvaluationError, match="width"):
        linear_svm(train, labels, train[:, :5], 1.0)
    with pytest.raises(EvaluationError, match="number"):
        linear_svm(train, labels[:-1], train, 1.0)


def test_a_class_without_training_items_is_simply_wrong() -> None:
    train, labels = gaussian_classes(40, 2, 0)
    assert 5 not in linear_svm(train, labels, train, 1.0)
