"""CrossOver's measures against their transcription in plain loops, with ties and missing modalities."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.parity.literal_scan_measures import object_outcomes, scene_outcomes

from concord3d.measures.drawn_candidates import hit_rate_among_drawn
from concord3d.measures.object_matching import match_objects
from concord3d.measures.ranking import Places, any_hit_rate
from concord3d.measures.scene_search import (
    SceneSearch,
    rescan_found,
    rescan_found_as_published,
    scan_found,
    scan_found_in_type,
    scene_type_found,
)

SEEDS = st.integers(0, 100_000)


@given(SEEDS, st.integers(1, 7), st.integers(1, 4), st.integers(1, 5))
@settings(max_examples=120, deadline=None)
def test_measures_of_scans(seed: int, num: int, k: int, num_levels: int) -> None:
    rng = np.random.default_rng(seed)
    # The fewer levels, the more ties; at most 7! orders of a query.
    scores = rng.integers(0, num_levels, (num, num)).astype(np.float64)
    valid = rng.random(num) < 0.8
    types = rng.choice(["kitchen", "office", ""], num).tolist()
    spaces = rng.choice(["a", "b", "c"], num).tolist()
    reference = rng.random(num) < 0.6
    num_listed = max(k, 3)
    scores[~valid] = np.nan
    scores[:, ~valid] = np.nan
    search = SceneSearch(scores, valid)
    literal = scene_outcomes(scores, valid.tolist(), types, spaces, reference.tolist(), k, num_listed)
    ours = {
        "scan": scan_found(search, k),
        "type": scene_type_found(search, types, k),
        "in_type": scan_found_in_type(search, types, k),
        "rescan": rescan_found(search, spaces, reference, k),
        "as_published": rescan_found_as_published(search, spaces, reference, k, num_listed),
    }
    for name, values in ours.items():
        np.testing.assert_allclose(values, literal[name], atol=1e-12, err_msg=name)


@given(SEEDS, st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_measures_of_objects(seed: int, num: int, num_levels: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, num_levels, (num, num)).astype(np.float64)
    labels = rng.integers(0, 2, num)
    thresholds = (0.25, 0.5, 0.75, 1.0)
    matches = match_objects(scores, np.arange(num), labels, labels, (1, 3))
    literal = object_outcomes(scores, labels.tolist(), (1, 3), thresholds)
    assert matches.recall(1) == pytest.approx(literal["top1"])
    assert matches.recall(3) == pytest.approx(literal["top3"])
    assert 1 - matches.same_errors.mean() == pytest.approx(literal["same"])
    assert 1 - matches.diff_errors.mean() == pytest.approx(literal["diff"])
    for threshold in thresholds:
        assert matches.reached(threshold) == pytest.approx(literal[f"reached{threshold}"])


@given(SEEDS, st.integers(1, 6), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_candidates_drawn_at_random(seed: int, num_others: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 3, num_others)
    num_drawn = int(rng.integers(0, num_others + 1))
    outcomes = []
    for drawn in combinations(scores, num_drawn):
        better, tied = sum(score > 1 for score in drawn), sum(score == 1 for score in drawn)
        outcomes.append(np.mean([better + place < k for place in range(tied + 1)]))
    places = Places(np.array([(scores > 1).sum()]), np.array([(scores == 1).sum() + 1]))
    assert hit_rate_among_drawn(places, num_others, num_drawn, k)[0] == pytest.approx(np.mean(outcomes))


def test_with_one_relevant_candidate_any_hit_is_the_rank() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(40, 25))
    answers = rng.integers(0, 25, 40)
    relevant = answers[:, None] == np.arange(25)
    ranks = (scores > np.take_along_axis(scores, answers[:, None], 1)).sum(1)
    for k in (1, 5, 25, 30):
        np.testing.assert_array_equal(any_hit_rate(scores, relevant, k), ranks < k)
