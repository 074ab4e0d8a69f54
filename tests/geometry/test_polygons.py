"""Polygons of every simple form keep their area when they are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concord3d.geometry.polygons import triangulated


def star(rng: np.random.Generator, num_corners: int) -> np.ndarray:
    """Return (num_corners, 2) a polygon that its origin sees whole, with any number of dents."""
    angles = 2 * np.pi * (np.arange(num_corners) + rng.uniform(0.1, 0.9, num_corners)) / num_corners
    radii = rng.uniform(0.1, 1, num_corners)
    return radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def shoelace(flat: np.ndarray) -> float:
    x, y = flat.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def area_of(points: np.ndarray, triangles: np.ndarray) -> float:
    a, b, c = (points[triangles[:, k]] for k in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), num_corners=st.integers(4, 30), first=st.integers(0, 29), turned=st.booleans())
def test_the_area_is_kept_in_any_plane(seed: int, num_corners: int, first: int, turned: bool) -> None:
    rng = np.random.default_rng(seed)
    flat = np.roll(star(rng, num_corners), first % num_corners, axis=0)
    frame, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    points = (flat[::-1] if turned else flat) @ frame[:2] * rng.uniform(0.01, 100) + rng.normal(size=3)
    area = abs(shoelace(flat)) * (np.ptp(points @ frame[0]) / np.ptp(flat[:, 0])) ** 2
    triangles = triangulated(points, np.array([num_corners]))
    assert triangles.shape == (num_corners - 2, 3)
    assert area_of(points, triangles) == pytest.approx(area, rel=1e-6)
    # Each triangle faces where the polygon does.
    normals = np.cross(
        points[triangles[:, 1]] - points[triangles[:, 0]], points[triangles[:, 2]] - points[triangles[:, 0]]
    )
    assert (normals @ normals.sum(axis=0) >= -1e-9 * area**2).all()


def comb(num_teeth: int) -> np.ndarray:
    """Return the corners of a comb, counter-clockwise."""
    upper = [
        (x, y) for k in range(num_teeth, 0, -1) for x, y in ((2 * k, 3), (2 * k - 1, 3), (2 * k - 1, 1), (2 * k - 2, 1))
    ]
    return np.array([(0, 0), (2 * num_teeth, 0), *upper], float)


@pytest.mark.parametrize("num_teeth", [1, 2, 5])
def test_a_comb_with_points_on_straight_lines(num_teeth: int) -> None:
    flat = comb(num_teeth)
    middles = (flat + np.roll(flat, -1, axis=0)) / 2
    for corners in (flat, np.stack([flat, middles], axis=1).reshape(-1, 2)):
        for first in range(len(corners)):
            points = np.column_stack([np.roll(corners, first, axis=0), np.zeros(len(corners))])
            triangles = triangulated(points, np.array([len(points)]))
            assert area_of(points, triangles) == pytest.approx(4 * num_teeth)


def test_convex_polygons_become_fans_in_their_order() -> None:
    rng = np.random.default_rng(0)
    lengths = np.array([3, 5, 4, 3, 6])
    points = []
    for length in lengths:
        angles = np.sort(rng.uniform(0, 2 * np.pi, length))
        points.append(np.column_stack([np.cos(angles), np.sin(angles), np.full(length, rng.normal())]))
    starts = np.cumsum(lengths) - lengths
    fans = [
        [start, start + k, start + k + 1]
        for start, length in zip(starts, lengths, strict=True)
        for k in range(1, length - 1)
    ]
    np.testing.assert_array_equal(triangulated(np.concatenate(points), lengths), fans)


def test_polygons_without_area_or_with_too_few_corners() -> None:
    assert triangulated(np.zeros((5, 3)), np.array([5])).shape == (3, 3)
    assert triangulated(np.zeros((0, 3)), np.zeros(0, int)).shape == (0, 3)
    with pytest.raises(ValueError, match="2 corners"):
        triangulated(np.zeros((2, 3)), np.array([2]))
