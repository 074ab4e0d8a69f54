"""Finding scans by scans: denominators, chance, and the fingerprint of the order of the data set."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.errors import EvaluationError
from concord3d.measures.scene_search import (
    SceneSearch,
    rescan_found,
    rescan_found_as_published,
    scan_found,
    scan_found_in_type,
    scene_type_found,
    temporal_queries,
)


def split(num_spaces: int, num_scans: int) -> tuple[list[str], np.ndarray]:
    spaces = [f"space{space}" for space in range(num_spaces) for _ in range(num_scans)]
    return spaces, np.arange(len(spaces)) % num_scans == 0


def test_constant_vectors_score_chance() -> None:
    spaces, reference = split(6, 2)
    search = SceneSearch(np.ones((12, 12)), np.ones(12, bool))
    for k in (1, 5, 10):
        assert np.nanmean(scan_found(search, k)) == pytest.approx(k / 12)
        # One rescan among eleven other scans.
        assert np.nanmean(rescan_found(search, spaces, reference, k)) == pytest.approx(k / 11)
    # Of ten chosen of eleven the first by row is right where the rescan is chosen and what lies before it is not.
    assert np.nanmean(rescan_found_as_published(search, spaces, reference, 10)) == pytest.approx(10 / 11)


def test_scans_without_a_modality_are_neither_queries_nor_candidates() -> None:
    valid = np.array([True, True, False, True])
    scores = np.full((4, 4), np.nan)
    scores[np.ix_(valid, valid)] = [[1, 0, 0], [2, 1, 0], [0, 0, 1]]
    found = scan_found(SceneSearch(scores, valid), 1)
    np.testing.assert_array_equal(found, [1, 0, np.nan, 1])


def test_a_reference_without_the_modality_counts_as_missed() -> None:
    spaces, reference = split(3, 2)
    valid = np.array([False, True, True, True, True, False])
    scores = np.zeros((6, 6))
    scores[2, 3] = scores[4, 5] = 1
    found = rescan_found(SceneSearch(scores, valid), spaces, reference, 1)
    # The third reference has no rescan with the modality.
    np.testing.assert_array_equal(found, [0, np.nan, 1, np.nan, 0, np.nan])


def test_references_without_rescans_are_no_queries() -> None:
    assert temporal_queries(["a", "b", "b", "c"], np.array([True, True, False, False])).tolist() == [1]
    search = SceneSearch(np.eye(2), np.ones(2, bool))
    for found in (rescan_found, rescan_found_as_published):
        assert np.isnan(found(search, ["a", "b"], np.ones(2, bool), 1)).all()


def test_types_with_one_scan_and_without_a_name() -> None:
    search = SceneSearch(np.eye(4), np.ones(4, bool))
    types = ["kitchen", "kitchen", "bathroom", ""]
    np.testing.assert_array_equal(scan_found_in_type(search, types, 1), [1, 1, 1, np.nan])
    found = scene_type_found(search, types, 3)
    # Nothing else is a bathroom, whatever the list holds.
    np.testing.assert_array_equal(found, [1, 1, 0, np.nan])


def test_the_order_of_the_data_set_hides_the_rank() -> None:
    # What the published tables show: top-1 far too low for such a top-10 (CrossOver spec 7.7).
    rng = np.random.default_rng(0)
    spaces, reference = split(50, 2)
    scores = rng.normal(size=(100, 100))
    for row in np.flatnonzero(reference):
        scores[row, row + 1] += 6
    search = SceneSearch(scores, np.ones(100, bool))
    correct = {k: np.nanmean(rescan_found(search, spaces, reference, k)) for k in (1, 5, 10)}
    published = {k: np.nanmean(rescan_found_as_published(search, spaces, reference, k)) for k in (1, 5, 10)}
    assert correct[10] == published[10] and correct[1] > 0.95
    assert published[1] < 0.3 and published[5] < correct[5] and published[1] < published[5] < published[10]


def test_what_is_no_search_is_refused() -> None:
    with pytest.raises(EvaluationError, match="not of all scans"):
        SceneSearch(np.ones((2, 3)), np.ones(2, bool))
    with pytest.raises(EvaluationError, match="not finite"):
        SceneSearch(np.full((2, 2), np.nan), np.ones(2, bool))
