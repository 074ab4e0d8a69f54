"""Matching of objects: the identity of its parts, thresholds, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord3d.errors import EvaluationError
from concord3d.measures.object_matching import chance_of_at_least, match_objects


@given(st.integers(0, 100_000), st.integers(1, 30), st.booleans())
def test_top1_is_same_plus_diff_minus_one(seed: int, num: int, ties: bool) -> None:
    # The identity that three of the four rows of CrossOver's Tab. 4 fulfil (CrossOver spec 7.2).
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 3, (num, num)).astype(float) if ties else rng.normal(size=(num, num))
    labels = rng.integers(0, 4, num)
    matches = match_objects(scores, np.arange(num), labels, labels)
    same, diff = 1 - matches.same_errors.mean(), 1 - matches.diff_errors.mean()
    assert matches.recall(1) == pytest.approx(same + diff - 1)
    assert matches.recall(1) <= matches.recall(3)


def test_errors_by_class() -> None:
    scores = np.array([[1.0, 2, 0], [2, 1, 0], [0, 2, 1]])
    matches = match_objects(scores, np.arange(3), np.array([0, 0, 1]), np.array([0, 0, 1]))
    assert matches.same_errors.tolist() == [1, 1, 0] and matches.diff_errors.tolist() == [0, 0, 1]
    assert matches.recall(1) == 0 and matches.recall(3) == 1


def test_constant_scores_give_chance() -> None:
    labels = np.array([0, 0, 1, 2])
    matches = match_objects(np.ones((4, 4)), np.arange(4), labels, labels)
    assert matches.recall(1) == pytest.approx(1 / 4) and matches.recall(3) == pytest.approx(3 / 4)
    assert matches.same_errors.tolist() == pytest.approx([1 / 4, 1 / 4, 0, 0])
    # One of four objects right at least: 1 - (3/4)^4.
    assert matches.reached(0.25) == pytest.approx(1 - 0.75**4)


def test_a_threshold_is_reached_at_equality() -> None:
    scores = np.eye(4)
    scores[0, 1] = 2
    labels = np.zeros(4, int)
    matches = match_objects(scores, np.arange(4), labels, labels)
    assert matches.recall(1) == 0.75 and matches.reached(0.75) == 1 and matches.reached(0.76) == 0


def test_a_scan_with_one_object_and_lists_longer_than_the_candidates() -> None:
    matches = match_objects(np.zeros((1, 1)), np.zeros(1, int), np.zeros(1, int), np.zeros(1, int))
    assert matches.recall(1) == matches.recall(3) == matches.reached(0.75) == 1


def test_candidates_may_be_others_than_the_queries() -> None:
    # Objects of a reference scan among those of a rescan.
    scores = np.array([[0.1, 0.9, 0.2], [0.8, 0.1, 0.9]])
    matches = match_objects(scores, np.array([1, 0]), np.array([5, 6]), np.array([6, 5, 6]))
    assert matches.hits[1].tolist() == [1, 0] and matches.hits[3].tolist() == [1, 1]
    assert matches.same_errors.tolist() == [0, 1]


@given(st.lists(st.floats(0, 1), max_size=8), st.integers(0, 9))
def test_the_chance_of_so_many_events(chances: list[float], needed: int) -> None:
    total = 0.0
    for outcome in range(2 ** len(chances)):
        happened = [bool(outcome >> bit & 1) for bit in range(len(chances))]
        if sum(happened) >= needed:
            total += float(np.prod([p if h else 1 - p for p, h in zip(chances, happened, strict=True)]))
    assert chance_of_at_least(np.array(chances), needed) == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize("scores", [np.zeros((0, 3)), np.full((2, 3), np.nan)])
def test_what_cannot_be_matched_is_refused(scores: np.ndarray) -> None:
    num = len(scores)
    with pytest.raises(EvaluationError):
        match_objects(scores, np.zeros(num, int), np.zeros(num, int), np.zeros(3, int))
    with pytest.raises(EvaluationError, match="do not fit"):
        match_objects(np.ones((2, 3)), np.zeros(2, int), np.zeros(2, int), np.zeros(2, int))
