"""Upright boxes and how much they overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.geometry.oriented_boxes import UprightBox, box_iou, clipped, polygon_area
from concord3d.geometry.rigid import turn_about_z


def turned(low: tuple[float, ...], high: tuple[float, ...], angle: float) -> UprightBox:
    box = UprightBox.axis_aligned(np.array(low), np.array(high))
    middle = box.corners.mean(axis=0)
    return UprightBox((box.corners - middle) @ turn_about_z(angle)[:2, :2].T + middle, box.low, box.high)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 6.3))
def test_overlap_is_what_counting_points_says(seed: int, angle: float) -> None:
    rng = np.random.default_rng(seed)
    first = UprightBox.axis_aligned(np.zeros(3), np.ones(3))
    low = rng.uniform(-0.5, 0.7, 3)
    second = turned(tuple(low), tuple(low + rng.uniform(0.2, 1.2, 3)), angle)
    points = rng.uniform(-2, 3, (400_000, 3))

    def inside(box: UprightBox) -> np.ndarray:
        held = (points[:, 2] >= box.low) & (points[:, 2] <= box.high)
        for a, b in zip(box.corners, np.roll(box.corners, -1, axis=0), strict=True):
            edge, offset = b - a, points[:, :2] - a
            held &= edge[0] * offset[:, 1] - edge[1] * offset[:, 0] >= 0
        return held

    both, either = (inside(first) & inside(second)).sum(), (inside(first) | inside(second)).sum()
    assert box_iou(first, second) == pytest.approx(both / either, abs=0.05)
    assert box_iou(first, second) == pytest.approx(box_iou(second, first), abs=1e-9)


def test_known_overlaps() -> None:
    unit = UprightBox.axis_aligned(np.zeros(3), np.ones(3))
    assert box_iou(unit, unit) == pytest.approx(1) and unit.volume == 1
    half = UprightBox.axis_aligned(np.array([0.5, 0, 0]), np.array([1.5, 1, 1]))
    assert box_iou(unit, half) == pytest.approx(1 / 3)
    above = UprightBox.axis_aligned(np.array([0.0, 0, 1]), np.array([1.0, 1, 2]))
    beside = UprightBox.axis_aligned(np.array([3.0, 0, 0]), np.array([4.0, 1, 1]))
    assert box_iou(unit, UprightBox.axis_aligned(np.array([0.0, 0, 3]), np.array([1.0, 1, 4]))) == 0
    flat = UprightBox.axis_aligned(np.zeros(3), np.array([1.0, 1, 0]))
    assert box_iou(unit, above) == box_iou(unit, beside) == box_iou(flat, flat) == 0
    # The common part of a square and itself turned by 45 degrees is an octagon of 2 (sqrt 2 - 1).
    assert polygon_area(clipped(unit.corners, turned((0, 0, 0), (1, 1, 1), np.pi / 4).corners)) == pytest.approx(
        2 * (np.sqrt(2) - 1)
    )
    assert len(clipped(unit.corners, beside.corners)) == 0 and polygon_area(np.zeros((0, 2))) == 0


def test_a_box_around_points_has_a_side_along_their_front() -> None:
    angle = 0.4
    points = np.random.default_rng(0).uniform([-2, -1, 0], [2, 1, 0.5], (2000, 3)) @ turn_about_z(angle).T
    along = UprightBox.around(points, np.array([np.cos(angle), np.sin(angle), 0.7]))
    assert along.volume == pytest.approx(4 * 2 * 0.5, rel=0.02) and polygon_area(along.corners) > 0
    assert UprightBox.around(points, np.array([0.0, 0, 1])).volume > 1.3 * along.volume
