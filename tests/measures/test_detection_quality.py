"""Detections are matched, judged and averaged as nuScenes does; the devkit itself is asked in tests/parity."""

from __future__ import annotations

import numpy as np
import pytest

from concord3d.errors import EvaluationError
from concord3d.measures.detection_quality import (
    Boxes,
    box_errors,
    detection_quality,
    is_judged,
    matched_classes,
)
from concord3d.measures.detection_rules import ERRORS, NUSCENES_DETECTION, DetectionRules

RULES = DetectionRules(("car", "cone"), (50.0, 30.0), not_judged={"cone": ("velocity",)}, in_racks=frozenset({"cone"}))


def boxes(*rows: tuple[int, int, float], yaw: float = 0.0) -> Boxes:
    """Boxes of a sweep, a class and an x."""
    sweeps, classes, x = (np.array(column) for column in zip(*rows, strict=True))
    count = len(rows)
    return Boxes(
        sweeps, classes, np.column_stack([x, np.zeros((count, 2))]), np.full((count, 3), 2.0), np.full(count, yaw),
        np.zeros((count, 2)), np.full(count, 3),
    )  # fmt: skip


def test_what_a_better_prediction_took_is_gone_in_its_own_sweep_alone() -> None:
    truth = boxes((0, 0, 0.0), (0, 0, 1.5), (1, 0, 0.0))
    predicted = boxes((0, 0, 0.2), (0, 0, 0.4), (0, 0, 9.0), (1, 0, 0.1), (1, 1, 0.0))
    [cars, cones] = matched_classes(truth, predicted, np.array([0.9, 0.8, 0.7, 0.6, 0.5]), 2, RULES)
    assert cars.num_true.tolist() == [2, 1] and cars.sweeps.tolist() == [0, 0, 0, 1]
    # At 0.5 and 1 m the second box is too far from what is left, at 2 m it is near enough.
    assert cars.right.tolist() == [[True, False, False, True]] * 2 + [[True, True, False, True]] * 2
    np.testing.assert_allclose(cars.errors[:, 0], [0.2, 1.1, np.nan, 0.1])
    assert not cones.right.any() and cones.num_true.tolist() == [0, 0]


def test_of_equal_scores_the_later_prediction_comes_first() -> None:
    truth, predicted = boxes((0, 0, 0.0)), boxes((0, 0, 0.1), (0, 0, 0.2))
    [cars, _] = matched_classes(truth, predicted, np.array([0.5, 0.5]), 1, RULES)
    np.testing.assert_allclose(cars.errors[:, 0], [0.2, np.nan])


def test_perfect_predictions_and_none() -> None:
    truth = boxes((0, 0, 0.0), (0, 1, 5.0), (1, 0, 3.0))
    matches = matched_classes(truth, truth, np.array([0.9, 0.8, 0.7]), 2, RULES)
    perfect = detection_quality(matches, RULES)
    assert perfect.mean_ap == pytest.approx(1) and perfect.score(RULES) == pytest.approx(1)
    assert np.isnan(perfect.errors[1, ERRORS.index("velocity")])
    nothing = detection_quality(matched_classes(truth, truth.at(np.zeros(0, np.int64)), np.zeros(0), 2, RULES), RULES)
    assert nothing.mean_ap == 0 and nothing.score(RULES) == 0
    assert set(nothing.mean_errors.values()) == {1.0}
    # A class without a true box counts 0, as in the devkit.
    first = detection_quality(matches, RULES, np.array([False, True]))
    np.testing.assert_allclose(first.precisions.mean(axis=1), [1, 0])


def test_precision_is_interpolated_above_ten_percent() -> None:
    """Two true boxes, the first prediction wrong: precision rises from 0 to 1/2 at recall 1/2, then to 2/3."""
    truth = boxes((0, 0, 0.0), (0, 0, 20.0))
    predicted = boxes((0, 0, 9.0), (0, 0, 0.0), (0, 0, 20.0))
    quality = detection_quality(matched_classes(truth, predicted, np.array([0.9, 0.8, 0.7]), 1, RULES), RULES)
    recalls = np.linspace(0, 1, 101)
    curve = np.interp(recalls, [0, 0.5, 1], [0, 1 / 2, 2 / 3])
    expected = np.maximum(curve[11:] - 0.1, 0).mean() / 0.9
    np.testing.assert_allclose(quality.precisions[0], expected)


def test_errors_of_single_boxes() -> None:
    truth = boxes((0, 0, 0.0), (0, 0, 0.0), yaw=3.0)._replace(
        velocities=np.array([[1.0, 0.0], [np.nan, np.nan]]), attributes=np.array([2, -1])
    )
    predicted = boxes((0, 0, 0.3), (0, 0, 0.4), yaw=-3.0)._replace(sizes=np.array([[1.0, 2, 4], [2, 2, 2]]))
    found = box_errors(truth, predicted, 2 * np.pi)
    np.testing.assert_allclose(found[0], [0.3, 1 - 4 / 12, 2 * np.pi - 6, 1.0, 1.0])
    np.testing.assert_allclose(found[1], [0.4, 0.0, 2 * np.pi - 6, np.nan, np.nan])
    half = box_errors(truth, predicted._replace(yaws=truth.yaws + np.pi), np.pi)
    np.testing.assert_allclose(half[:, 2], 0, atol=1e-12)


def test_ranges_are_measured_from_the_vehicle_and_racks_excuse_some_classes() -> None:
    several = boxes((0, 0, 149.0), (0, 0, 151.0), (0, 1, 129.0), (0, 1, 131.0), (0, 1, 110.0), (0, 0, 110.0))
    racks = boxes((0, 0, 111.0), yaw=np.pi / 2)._replace(sizes=np.array([[0.1, 2.2, 9.0]]))
    kept = is_judged(several, np.array([[100.0, 0.0]]), racks, RULES)
    assert kept.tolist() == [True, False, True, False, False, True]
    assert is_judged(several, np.array([[100.0, 0.0]]), racks._replace(yaws=np.zeros(1)), RULES)[4]


def test_the_official_rules() -> None:
    assert len(NUSCENES_DETECTION.classes) == len(NUSCENES_DETECTION.ranges) == 10
    ranges = dict(zip(NUSCENES_DETECTION.classes, NUSCENES_DETECTION.ranges, strict=True))
    assert (ranges["car"], ranges["pedestrian"], ranges["barrier"]) == (50, 40, 30)
    assert NUSCENES_DETECTION.period(0) == np.pi and NUSCENES_DETECTION.period(3) == 2 * np.pi


def test_what_does_not_fit_is_refused() -> None:
    truth = boxes((0, 0, 0.0))
    with pytest.raises(EvaluationError, match="need a score each"):
        matched_classes(truth, truth, np.zeros(2), 1, RULES)
    with pytest.raises(EvaluationError, match="need a score each"):
        matched_classes(truth, truth, np.array([np.nan]), 1, RULES)
    with pytest.raises(EvaluationError, match=r"(?s)Predictions lie outside the classes.*0 to 1"):
        matched_classes(truth, boxes((0, 2, 0.0)), np.zeros(1), 1, RULES)
    with pytest.raises(EvaluationError, match="True boxes lie outside the sweeps"):
        matched_classes(boxes((1, 0, 0.0)), truth, np.zeros(1), 1, RULES)
    many = boxes(*[(0, 0, 0.0)] * 501)
    with pytest.raises(EvaluationError, match=r"(?s)too many predictions.*at most 500"):
        matched_classes(truth, many, np.zeros(501), 1, RULES)
