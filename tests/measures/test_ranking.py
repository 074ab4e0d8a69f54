"""Measures of ranked lists: means over the orders of tied candidates."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from concord3d.measures.ranking import average_precision, places_of, precision_at


@given(st.integers(2, 5), st.integers(0, 10_000))
@settings(max_examples=40)
def test_measures_are_means_over_the_orders_of_tied_candidates(num_candidates: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 3, size=(1, num_candidates)).astype(float)
    relevant = rng.random((1, num_candidates)) < 0.5
    answer = int(rng.integers(num_candidates))
    ranks, precisions, averages = [], [], []
    for order in permutations(range(num_candidates)):
        ranked = sorted(order, key=lambda item: -scores[0, item])
        hits = [bool(relevant[0, item]) for item in ranked]
        ranks.append(ranked.index(answer) + 1)
        precisions.append([np.mean(hits[:k]) for k in range(1, num_candidates + 1)])
        places = np.flatnonzero(hits)
        averages.append(np.mean([np.mean(hits[: place + 1]) for place in places]) if len(places) else np.nan)
    found = places_of(scores, np.array([answer]))
    assert found.expected_rank()[0] == pytest.approx(np.mean(ranks))
    for k in range(1, num_candidates + 1):
        assert found.hit_rate(k)[0] == pytest.approx(np.mean(np.array(ranks) <= k))
        assert precision_at(scores, relevant, k)[0] == pytest.approx(np.mean(precisions, axis=0)[k - 1])
    np.testing.assert_allclose(average_precision(scores, relevant), [np.mean(averages)])


def test_average_precision_equals_scikit_learn_without_ties() -> None:
    rng = np.random.default_rng(0)
    scores, relevant = rng.normal(size=(20, 50)), rng.random((20, 50)) < 0.2
    theirs = [average_precision_score(truth, row) for truth, row in zip(relevant, scores, strict=True)]
    np.testing.assert_allclose(average_precision(scores, relevant), theirs)
