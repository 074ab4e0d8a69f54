"""Confusion matrices of sweeps, what is computed of them, and outcomes per scene."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.errors import EvaluationError
from concord3d.measures.sweep_confusion import (
    SceneConfusions,
    class_iou,
    confusion_matrix,
    frequency_weighted_iou,
    mean_iou,
    point_accuracy,
)

# Class 2 is neither true nor predicted.
SEEN = np.array([[6, 2, 0], [1, 1, 0], [0, 0, 0]])


def drawn(num_sweeps: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    truth, noise = rng.integers(-1, 4, (num_sweeps, 60)), rng.random((num_sweeps, 60))
    predicted = np.where((noise < 0.6) & (truth >= 0), truth, rng.integers(0, 4, truth.shape))
    return np.stack([confusion_matrix(p, t, 4) for p, t in zip(predicted, truth, strict=True)])


def test_points_without_a_class_do_not_count() -> None:
    found = confusion_matrix(np.array([0, 1, 1, 2]), np.array([0, 0, -1, 2]), 3)
    assert found.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]] and found.dtype == np.int64
    assert not confusion_matrix(np.array([0]), np.array([-1]), 3).any()


def test_a_class_that_is_neither_true_nor_predicted_counts_one_or_nothing() -> None:
    assert class_iou(SEEN)[:2].tolist() == [6 / 9, 1 / 4] and np.isnan(class_iou(SEEN)[2])
    assert mean_iou(SEEN) == pytest.approx((6 / 9 + 1 / 4 + 1) / 3)
    assert mean_iou(SEEN, "left_out") == pytest.approx((6 / 9 + 1 / 4) / 2)
    occurring = np.array([True, True, True])
    assert mean_iou(SEEN, "one", occurring) == mean_iou(SEEN, "left_out", occurring)
    assert mean_iou(SEEN, "one", occurring) == pytest.approx((6 / 9 + 1 / 4) / 3)


def test_a_class_that_is_predicted_alone_counts_nothing_right() -> None:
    assert class_iou(np.array([[3, 1], [0, 0]])).tolist() == [3 / 4, 0.0]


def test_frequencies_and_accuracy() -> None:
    assert frequency_weighted_iou(SEEN) == pytest.approx(0.8 * 6 / 9 + 0.2 / 4)
    assert point_accuracy(SEEN) == pytest.approx(0.7)
    stacked = np.stack([SEEN, np.zeros_like(SEEN)])
    assert frequency_weighted_iou(stacked)[1] == point_accuracy(stacked)[1] == 0


def test_impossible_labels_are_refused() -> None:
    good = np.array([0, 1])
    for predicted, truth in ((np.array([0, 3]), good), (np.array([-1, 0]), good), (good, np.array([0, 3]))):
        with pytest.raises(EvaluationError, match=r"(?s)labels lie outside the classes.* to 2"):
            confusion_matrix(predicted, truth, 3)
    with pytest.raises(EvaluationError, match="outside the classes"):
        confusion_matrix(good, np.array([-2, 0]), 3)
    with pytest.raises(EvaluationError, match="differ in shape"):
        confusion_matrix(good, good[:1], 3)
    with pytest.raises(EvaluationError, match="No tested point has a class"):
        SceneConfusions.of(np.zeros((2, 3, 3), np.int64), ("a", "b"))


def test_sweeps_are_added_up_by_scene() -> None:
    confusions = drawn(5)
    scenes = SceneConfusions.of(confusions, ("b", "a", "b", "a", "c"))
    assert scenes.names == ("b", "a", "c")
    np.testing.assert_array_equal(scenes.sums[0], confusions[0] + confusions[2])
    np.testing.assert_array_equal(scenes.total, confusions.sum(axis=0))


def test_outcomes_have_the_number_as_mean_and_are_those_of_the_accuracy_where_scenes_are_equally_large() -> None:
    scenes = SceneConfusions.of(drawn(8), tuple("abcdefgh"))
    assert scenes.miou_outcomes().mean() == pytest.approx(mean_iou(scenes.total))
    assert scenes.outcomes(frequency_weighted_iou).mean() == pytest.approx(frequency_weighted_iou(scenes.total))
    equal = SceneConfusions(scenes.names, np.stack([[[i, 5 - i], [0, 5]] for i in range(6)]))
    np.testing.assert_allclose(equal.outcomes(point_accuracy), [(i + 5) / 10 for i in range(6)])


def test_a_class_of_one_scene_alone_is_as_uncertain_as_it_is_large() -> None:
    common = np.array([[5, 0], [0, 0]])
    scenes = SceneConfusions(("a", "b", "c"), np.stack([np.diag([5, 4]), common, common]))
    # Without scene a mIoU is 1/2, without another it is 1.
    assert scenes.miou_outcomes().tolist() == pytest.approx([1 + 2 * (5 / 6 - 1 / 2), *[1 + 2 * (5 / 6 - 1)] * 2])
    absent = SceneConfusions(("a", "b"), np.stack([common, common]))
    assert absent.miou_outcomes().tolist() == [1, 1] == absent.miou_outcomes("left_out").tolist()
