"""Linear probes: a literal fit, the choice of C, and draws of few shots."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize

from concord3d.errors import EvaluationError
from concord3d.measures.probing import draw_shots, few_shot_probe, fit_and_score, held_out_part, linear_probe

COSTS = (0.01, 0.1, 1.0)


def around_centres(count: int, seed: int, spread: float = 1.0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    labels = np.arange(count) % 3
    centres = np.random.default_rng(99).normal(size=(3, 4))
    rows = centres[labels] + spread * np.random.default_rng(seed).normal(size=(count, 4))
    return rows.astype(np.float32), labels


def test_equals_a_literal_multinomial_regression() -> None:
    train, labels = around_centres(30, 0)
    test, truth = around_centres(60, 1)
    mean, std = train.astype(float).mean(axis=0), train.astype(float).std(axis=0)
    x, y, cost = (train - mean) / std, labels, 0.3

    def objective(flat: NDArray[np.float64]) -> float:
        weights, bias = flat[:12].reshape(3, 4), flat[12:]
        logits = x @ weights.T + bias
        log_likelihood = logits[np.arange(30), y] - np.log(np.exp(logits).sum(axis=1))
        return float(-log_likelihood.sum() + (weights**2).sum() / (2 * cost))

    best = minimize(objective, np.zeros(15), method="BFGS", options={"gtol": 1e-7}).x
    predicted = ((test - mean) / std @ best[:12].reshape(3, 4).T + best[12:]).argmax(axis=1)
    correct, converged = fit_and_score(train, labels, test, truth, cost)
    np.testing.assert_array_equal(correct, predicted == truth)
    assert converged and 0.5 < correct.mean() < 1


def test_iterations_that_do_not_suffice_are_told() -> None:
    train, labels = around_centres(30, 0)
    assert not fit_and_score(train, labels, train, labels, 1000.0, max_iterations=1)[1]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.floats(0.01, 0.99), st.integers(0, 100))
@settings(max_examples=50)
def test_every_class_is_held_out_and_fitted_on(sizes: list[int], share: float, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    held_out = held_out_part(labels, share, seed)
    for label, size in enumerate(sizes):
        count = held_out[labels == label].sum()
        assert (count == 0) if size == 1 else (1 <= count <= size - 1)
        assert abs(count - share * size) <= 1


def test_the_chosen_cost_is_best_on_the_held_out_part_and_small() -> None:
    train, labels = around_centres(120, 0, spread=2.0)
    test, truth = around_centres(60, 1, spread=2.0)
    probe = linear_probe(train, labels, test, truth, costs=(10.0, 0.001, 1.0))
    assert list(probe.table) == [0.001, 1.0, 10.0] and probe.num_held_out == 12
    best = max(probe.table.values())
    assert probe.cost == min(cost for cost, accuracy in probe.table.items() if accuracy == best)
    np.testing.assert_array_equal(probe.correct, fit_and_score(train, labels, test, truth, probe.cost)[0])


def test_the_test_items_do_not_influence_the_choice() -> None:
    train, labels = around_centres(60, 0, spread=2.0)
    test, truth = around_centres(60, 1)
    assert (
        linear_probe(train, labels, test, truth, COSTS).table == linear_probe(train, labels, -test, truth, COSTS).table
    )


def test_a_single_cost_is_taken_as_it_is() -> None:
    train, labels = np.eye(3, dtype=np.float32), np.arange(3)
    probe = linear_probe(train, labels, train, labels, costs=(0.5,))
    assert probe.cost == 0.5 and probe.table == {} and probe.num_held_out == 0
    with pytest.raises(EvaluationError, match=r"single training item(.|\n)*costs"):
        linear_probe(train, labels, train, labels, COSTS)


@pytest.mark.parametrize("num_classes", [2, 4])
def test_constant_features_score_chance(num_classes: int) -> None:
    constant, labels = np.full((80, 5), 0.3, np.float32), np.arange(80) % num_classes
    probe = linear_probe(constant, labels, constant[:40], labels[:40], COSTS)
    np.testing.assert_allclose(probe.correct, 1 / num_classes)
    np.testing.assert_allclose(few_shot_probe(constant, labels, constant, labels, 2, 3), 1 / num_classes)


def test_two_classes_are_separated() -> None:
    train, labels = np.array([[0.0], [0.2], [1.0], [1.2]], np.float32), np.array([3, 3, 8, 8])
    correct, _ = fit_and_score(train, labels, train, labels, 1.0)
    assert correct.tolist() == [1, 1, 1, 1]


def test_a_test_class_unknown_to_training_is_wrong() -> None:
    train, labels = around_centres(30, 0)
    correct, _ = fit_and_score(train, 2 * labels, train[:4], np.array([1, 3, 9, -1]), 1.0)
    assert correct.tolist() == [0, 0, 0, 0]


def test_shots_depend_on_labels_and_seed_alone() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(4), [2, 5, 9, 20]))
    for num_shots in (1, 4, 16):
        shots = draw_shots(labels, num_shots, 0, 0)
        assert len(set(shots)) == len(shots)
        np.testing.assert_array_equal(np.bincount(labels[shots]), np.minimum([2, 5, 9, 20], num_shots))
        np.testing.assert_array_equal(shots, draw_shots(labels, num_shots, 0, 0))
    assert not np.array_equal(draw_shots(labels, 2, 0, 0), draw_shots(labels, 2, 0, 1))
    assert not np.array_equal(draw_shots(labels, 2, 0, 0), draw_shots(labels, 2, 1, 0))


def test_more_shots_help() -> None:
    train, labels = around_centres(120, 0, spread=1.5)
    test, truth = around_centres(120, 1, spread=1.5)
    few, many = (few_shot_probe(train, labels, test, truth, shots).mean() for shots in (1, 16))
    assert many > few + 0.05


@pytest.mark.parametrize("num_shots", [None, 2])
def test_impossible_input_is_refused(num_shots: int | None) -> None:
    train, labels = around_centres(30, 0)

    def probe(features: NDArray[np.float32], classes: NDArray[np.int64], test: NDArray[np.float32]) -> None:
        if num_shots is None:
            linear_probe(features, classes, test, labels, COSTS)
        else:
            few_shot_probe(features, classes, test, labels, num_shots)

    bad = train.copy()
    bad[4, 1] = np.nan
    with pytest.raises(EvaluationError, match=r"not finite(.|\n)*training features"):
        probe(bad, labels, train)
    with pytest.raises(EvaluationError, match=r"not finite(.|\n)*test features"):
        probe(train, labels, bad)
    with pytest.raises(EvaluationError, match="two classes"):
        probe(train, np.zeros(30, dtype=np.int64), train)
    with pytest.raises(EvaluationError, match="differ in width"):
        probe(train, labels, train[:, :3])
