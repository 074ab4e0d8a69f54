"""Polygons to triangles, concave ones too.

Shape legend: N polygons, C corners of all of them together, T triangles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# A corner counts as flat where its triangle has less than this share of the polygon's own extent.
_FLAT = 1e-12


def triangulated(points: NDArray[np.floating], num_corners: NDArray[np.integer]) -> NDArray[np.int64]:
    """Cut polygons into triangles whose areas sum up to the polygons'.

    A fan around the first corner where it covers the polygon alone, as in every convex one; else ears are cut off. A
    polygon that crosses itself has no right answer and becomes a fan.

    Args:
        points: (C, 3) place of each corner, polygon after polygon.
        num_corners: (N,) corners of each polygon, at least 3.

    Returns:
        (T, 3) indices into ``points``, T = C - 2 N, in the order of the polygons.

    Raises:
        ValueError: A polygon has fewer than three corners.
    """
    lengths = np.asarray(num_corners, dtype=np.int64)
    if len(lengths) and lengths.min() < 3:
        raise ValueError(f"a face with {lengths.min()} corners")
    starts = np.cumsum(lengths) - lengths
    firsts = np.cumsum(lengths - 2) - (lengths - 2)
    triangles = np.empty((int((lengths - 2).sum()), 3), np.int64)
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        steps = np.arange(length - 2)
        fan = np.stack([np.zeros_like(steps), steps + 1, steps + 2], axis=1)
        triangles[firsts[members][:, None] + steps] = starts[members][:, None, None] + fan
        if length == 3:
            continue
        corners = points[starts[members][:, None] + np.arange(length)].astype(np.float64)
        normals, overlapping = _overlapping_fans(corners)
        for place in np.flatnonzero(overlapping):
            ears = _ears(_flattened(corners[place], normals[place]))
            first = firsts[members[place]]
            triangles[first : first + length - 2] = starts[members[place]] + ears
    return triangles


def _overlapping_fans(corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the (n, 3) normals of (n, L, 3) polygons and which of their fans have a triangle that is turned over."""
    spokes = corners[:, 1:] - corners[:, :1]
    crosses = np.cross(spokes[:, :-1], spokes[:, 1:])
    normals = crosses.sum(axis=1)
    turned = np.einsum("nkc,nc->nk", crosses, normals)
    extent = (normals**2).sum(axis=1)
    return normals, (turned < -1e-9 * extent[:, None]).any(axis=1)


def _flattened(corners: NDArray[np.float64], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (L, 2) the corners seen against their normal, so that the polygon runs counter-clockwise."""
    normal = normal / np.linalg.norm(normal)
    across = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    across /= np.linalg.norm(across)
    return np.stack([corners @ across, corners @ np.cross(normal, across)], axis=1)


def _ears(corners: NDArray[np.float64]) -> NDArray[np.int64]:
    """Cut (L, 2) corners of a simple polygon, counter-clockwise, into (L - 2, 3) triangles."""
    left, triangles = list(range(len(corners))), []
    flat = _FLAT * float(np.ptp(corners, axis=0).max()) ** 2
    while len(left) > 3:
        chosen = _next_ear(corners, left, flat)
        if chosen is None:
            triangles += [(left[0], left[k], left[k + 1]) for k in range(1, len(left) - 1)]
            return np.array(triangles)
        triangles.append((left[chosen - 1], left[chosen], left[(chosen + 1) % len(left)]))
        del left[chosen]
    return np.array([*triangles, tuple(left)])


def _next_ear(corners: NDArray[np.float64], left: list[int], flat: float) -> int | None:
    """Return the place in ``left`` of a corner that can be cut off: an ear, else one on a straight line, or None."""
    here = corners[left]
    before, after = np.roll(here, 1, axis=0), np.roll(here, -1, axis=0)
    turns = _turn(before, here, after)
    reflex = here[turns < -flat]
    for place in np.flatnonzero(turns > flat):
        triangle = before[place], here[place], after[place]
        strangers = reflex[~np.any([(reflex == corner).all(axis=1) for corner in triangle], axis=0)]
        sides = [_turn(triangle[k - 1], triangle[k], strangers) for k in range(3)]
        if not np.all([side >= -flat for side in sides], axis=0).any():
            return int(place)
    straight = np.flatnonzero(np.abs(turns) <= flat)
    return int(straight[0]) if len(straight) else None


def _turn(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return twice the signed area of the triangles a, b, c."""
    u, v = b - a, c - b
    turn: NDArray[np.float64] = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    return turn
