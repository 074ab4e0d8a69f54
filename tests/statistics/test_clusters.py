"""Outcomes per cluster: the mean of the items, and the variance of clusters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord3d.errors import EvaluationError
from concord3d.statistics.clusters import class_mean_cluster_outcomes, cluster_outcomes
from concord3d.statistics.intervals import class_mean_outcomes


@given(st.integers(0, 100_000), st.integers(1, 40))
def test_the_mean_is_that_of_the_items(seed: int, num: int) -> None:
    rng = np.random.default_rng(seed)
    values, clusters = rng.random(num), rng.integers(0, 6, num).astype(str).tolist()
    names, outcomes = cluster_outcomes(values, clusters)
    assert outcomes.mean() == pytest.approx(values.mean())
    assert names == tuple(dict.fromkeys(clusters))


def test_items_by_themselves_are_left_as_they_are() -> None:
    values = np.array([0.0, 1.0, 0.5])
    np.testing.assert_allclose(cluster_outcomes(values, ["a", "b", "c"])[1], values)


def test_repeated_items_add_nothing() -> None:
    values = np.array([0.0, 1.0, 1.0, 0.0])
    once = cluster_outcomes(values, list("abcd"))[1]
    twice = cluster_outcomes(np.repeat(values, 3), [name for name in "abcd" for _ in range(3)])[1]
    np.testing.assert_allclose(twice, once)


def test_the_variance_is_that_of_drawn_clusters() -> None:
    # Scans of one space that are alike, in clusters of one to four.
    rng = np.random.default_rng(0)
    estimates, variances = [], []
    for _ in range(2000):
        sizes = rng.integers(1, 5, 60)
        of_space = rng.random(60)
        values = (rng.random(sizes.sum()) < np.repeat(of_space, sizes)).astype(float)
        _, outcomes = cluster_outcomes(values, np.repeat(np.arange(60), sizes).astype(str).tolist())
        estimates.append(values.mean())
        variances.append(outcomes.var(ddof=1) / 60)
    assert np.mean(variances) == pytest.approx(np.var(estimates), rel=0.1)


def test_what_is_no_clustering_is_refused() -> None:
    with pytest.raises(EvaluationError, match="differ in number"):
        cluster_outcomes([1.0, 0.0], ["a"])
    with pytest.raises(EvaluationError, match="no outcomes"):
        cluster_outcomes([], [])


@given(st.integers(0, 100_000), st.integers(1, 40))
def test_the_mean_is_that_over_classes(seed: int, num: int) -> None:
    rng = np.random.default_rng(seed)
    values, classes = rng.random(num), rng.integers(0, 4, num)
    clusters = [f"{c}{rng.integers(0, 3)}" for c in classes]
    _, outcomes = class_mean_cluster_outcomes(values, classes, clusters)
    assert outcomes.mean() == pytest.approx(np.mean([values[classes == c].mean() for c in np.unique(classes)]))


def test_items_by_themselves_have_the_linear_parts_of_their_classes() -> None:
    rng = np.random.default_rng(1)
    values, classes = rng.random(30), rng.integers(0, 5, 30)
    _, outcomes = class_mean_cluster_outcomes(values, classes, [str(row) for row in range(30)])
    np.testing.assert_allclose(outcomes, class_mean_outcomes(values, classes))


def test_classes_of_one_space_are_not_known_for_certain() -> None:
    # Two scans of one kitchen, both found, and two of one office, both missed.
    _, outcomes = class_mean_cluster_outcomes([1.0, 1, 0, 0], [0, 0, 1, 1], list("aabb"))
    assert outcomes.mean() == pytest.approx(0.5) and outcomes.std() > 0.4


def test_classes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(EvaluationError, match="differ in number"):
        class_mean_cluster_outcomes([1.0, 0.0], [0], ["a", "b"])
