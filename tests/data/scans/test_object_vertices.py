"""Vertices of objects are found, and what they span."""

from __future__ import annotations

import numpy as np

from concord3d.data.scans.object_vertices import locations, object_boxes, vertices_of_objects


def test_vertices_of_objects_rise() -> None:
    found = vertices_of_objects(np.array([2, -1, 0, 2, 0]), 4)
    assert [own.tolist() for own in found] == [[2, 4], [], [0, 3], []]
    assert vertices_of_objects(np.full(3, -1), 0) == []


def test_boxes_of_objects() -> None:
    points = np.array([[0, 0, 0], [1, 2, 3], [5, 5, 5], [-1, 0, 1]], np.float32)
    boxes = object_boxes(points, np.array([1, 1, -1, 0]), 3)
    assert boxes[0][0].tolist() == boxes[0][1].tolist() == [-1, 0, 1]
    assert boxes[1][0].tolist() == [0, 0, 0] and boxes[1][1].tolist() == [1, 2, 3] and boxes[2] is None


def test_places_of_objects_are_means_and_extents() -> None:
    points = np.array([[0, 0, 0], [1, 4, 3], [9, 9, 9], [5, 1, 2]], np.float32)
    found = locations(points, np.array([2, 2, -1, 0]), 3)
    assert found.dtype == np.float32
    assert found.tolist() == [[5, 1, 2, 0, 0, 0], [0] * 6, [0.5, 2, 1.5, 1, 4, 3]]
    assert locations(points, np.full(4, -1), 0).shape == (0, 6)
