"""Segments match, miss and are invented as the definition says."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.errors import EvaluationError
from concord3d.measures.panoptic_quality import Segments, panoptic_counts, panoptic_quality, pq_dagger


def segments(*runs: tuple[int, int, int]) -> Segments:
    """Runs of a class, a number and a count of points."""
    classes, numbers, counts = np.array(runs).T
    return Segments(np.repeat(classes, counts), np.repeat(numbers, counts))


def test_matches_need_more_than_half() -> None:
    truth = segments((0, 1, 40), (0, 2, 40), (1, 0, 20))
    exact = panoptic_counts(truth, truth, 3)
    np.testing.assert_array_equal(exact, [[2, 0, 0, 2], [1, 0, 0, 1], [0, 0, 0, 0]])
    # 30 of 40 and 10 more of the other: IoU 30/40 and 30/50.
    shifted = panoptic_counts(segments((0, 7, 30), (0, 8, 50), (1, 0, 20)), truth, 3)
    np.testing.assert_allclose(shifted[0], [2, 0, 0, 30 / 40 + 40 / 50])
    # Exactly one half is no match.
    half = panoptic_counts(segments((0, 7, 20), (0, 8, 60), (1, 0, 20)), truth, 3)
    np.testing.assert_allclose(half[0], [1, 1, 1, 40 / 60])


def test_another_class_is_another_segment_whatever_its_number() -> None:
    truth = segments((0, 1, 40), (1, 1, 40))
    found = panoptic_counts(segments((1, 1, 40), (1, 1, 40)), truth, 2)
    np.testing.assert_array_equal(found, [[0, 0, 1, 0], [0, 1, 1, 0]])
    quality = panoptic_quality(found)
    assert not quality.pq.any() and not quality.rq.any()


def test_small_segments_are_no_errors_but_may_match() -> None:
    truth = segments((0, 1, 14), (0, 2, 15), (1, 0, 40))
    missed = panoptic_counts(segments((1, 0, 29), (1, 0, 40)), truth, 2)
    assert missed[0].tolist() == [0, 0, 1, 0]
    found = panoptic_counts(segments((0, 5, 14), (0, 6, 15), (1, 0, 40)), truth, 2)
    assert found[0].tolist() == [2, 0, 0, 2]
    assert panoptic_counts(segments((1, 0, 69)), truth, 2, min_points=1)[0].tolist() == [0, 0, 2, 0]


def test_points_without_a_class_belong_to_no_segment() -> None:
    truth = segments((0, 1, 30), (-1, 0, 100))
    found = panoptic_counts(segments((0, 3, 130)), truth, 1)
    assert found.tolist() == [[1, 0, 0, 1]]
    assert not panoptic_counts(segments((0, 3, 5)), segments((-1, 0, 5)), 1).any()


def test_quality_is_divided_once_and_dagger_takes_iou_for_stuff() -> None:
    counts = np.array([[3, 1, 2, 2.4], [0, 0, 0, 0], [1, 0, 0, 0.6]])
    quality = panoptic_quality(counts)
    np.testing.assert_allclose(quality.sq, [0.8, 0, 0.6])
    np.testing.assert_allclose(quality.rq, [3 / 4.5, 0, 1])
    np.testing.assert_allclose(quality.pq, quality.sq * quality.rq)
    ious = np.array([0.1, np.nan, 0.9])
    assert pq_dagger(quality, ious, 1) == pytest.approx((0.8 * 3 / 4.5 + 0 + 0.9) / 3)
    assert pq_dagger(quality, ious, 3) == pytest.approx(quality.pq.mean())


def test_what_cannot_be_matched_is_refused() -> None:
    truth = segments((0, 1, 3))
    with pytest.raises(EvaluationError, match="other points"):
        panoptic_counts(segments((0, 1, 4)), truth, 1)
    with pytest.raises(EvaluationError, match="Predicted labels lie outside"):
        panoptic_counts(segments((1, 1, 3)), truth, 1)
    with pytest.raises(EvaluationError, match="True labels lie outside"):
        panoptic_counts(truth, segments((-2, 1, 3)), 1)
