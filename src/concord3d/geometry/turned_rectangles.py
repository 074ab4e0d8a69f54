"""How much boxes that are turned about the vertical overlap, many pairs at a time.

Shape legend: n pairs, A and B boxes of two lists, 7 numbers of a box: its centre, its length, width and height, and the
direction of its front in radians from +x to +y.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# What lies so little beyond an edge, in units of length, is on it.
_TOLERANCE = 1e-9


def outlines(boxes: Floats) -> Floats:
    """Return the (n, 4, 2) corners of (n, 7) boxes seen from above, counter-clockwise."""
    half = boxes[:, None, 3:5] / 2 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    cosine, sine = np.cos(boxes[:, 6])[:, None], np.sin(boxes[:, 6])[:, None]
    turned = np.stack([half[..., 0] * cosine - half[..., 1] * sine, half[..., 0] * sine + half[..., 1] * cosine], -1)
    corners: Floats = boxes[:, None, :2] + turned
    return corners


def shared_areas(first: Floats, second: Floats) -> Floats:
    """Return the (n,) areas that the boxes of each pair share, seen from above.

    Args:
        first: (n, 7).
        second: (n, 7).
    """
    # Around the middle of each pair, so that places far away lose no digits.
    middle = (first[:, None, :2] + second[:, None, :2]) / 2
    own, other = outlines(first) - middle, outlines(second) - middle
    crossings, are_crossings = _crossings(own, other)
    places, valid = [own, other, crossings], [_inside(own, other), _inside(other, own), are_crossings]
    corners, is_corner = np.concatenate(places, axis=1), np.concatenate(valid, axis=1)
    counts = np.maximum(is_corner.sum(axis=1), 1)
    centre = np.where(is_corner[..., None], corners, 0).sum(axis=1) / counts[:, None]
    offset = np.where(is_corner[..., None], corners - centre[:, None], 0)
    angle: Floats = np.where(is_corner, np.arctan2(offset[..., 1], offset[..., 0]), np.inf)
    order = np.argsort(angle, axis=1)
    ring, real = np.take_along_axis(offset, order[..., None], axis=1), np.take_along_axis(is_corner, order, axis=1)
    # What is no corner repeats the first one, which adds nothing.
    ring = np.where(real[..., None], ring, ring[:, :1])
    following = np.roll(ring, -1, axis=1)
    area: Floats = (ring[..., 0] * following[..., 1] - ring[..., 1] * following[..., 0]).sum(axis=1) / 2
    return np.where(is_corner.sum(axis=1) >= 3, np.maximum(area, 0), 0.0)


def _inside(points: Floats, window: Floats) -> NDArray[np.bool_]:
    """Return (n, 4) whether corners lie in the rectangle of their pair."""
    edges = np.roll(window, -1, axis=1) - window
    ways = points[:, :, None] - window[:, None]
    side = edges[:, None, :, 0] * ways[..., 1] - edges[:, None, :, 1] * ways[..., 0]
    return np.asarray((side >= -_TOLERANCE).all(axis=2))


def _crossings(own: Floats, other: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the (n, 16, 2) places where edges of both cross, and whether they do."""
    first, second = np.roll(own, -1, axis=1) - own, np.roll(other, -1, axis=1) - other
    cross = first[:, :, None, 0] * second[:, None, :, 1] - first[:, :, None, 1] * second[:, None, :, 0]
    way = other[:, None] - own[:, :, None]
    proper = np.abs(cross) > _TOLERANCE
    safe = np.where(proper, cross, 1.0)
    along = (way[..., 0] * second[:, None, :, 1] - way[..., 1] * second[:, None, :, 0]) / safe
    across = (way[..., 0] * first[:, :, None, 1] - way[..., 1] * first[:, :, None, 0]) / safe
    found = proper & (along >= 0) & (along <= 1) & (across >= 0) & (across <= 1)
    places = own[:, :, None] + along[..., None] * first[:, :, None]
    return places.reshape(len(own), 16, 2), found.reshape(len(own), 16)


def overlaps(first: Floats, second: Floats, with_height: bool = True) -> Floats:
    """Return the share of their union that boxes of two lists have in common.

    Args:
        first: (A, 7).
        second: (B, 7).
        with_height: False compares them as they are seen from above.

    Returns:
        (A, B) IoU from 0 to 1.
    """
    own, other = np.arange(len(first)).repeat(len(second)), np.tile(np.arange(len(second)), len(first))
    reach = np.hypot(first[:, 3], first[:, 4])[own] + np.hypot(second[:, 3], second[:, 4])[other]
    near = np.flatnonzero(2 * np.linalg.norm(first[own, :2] - second[other, :2], axis=1) < reach)
    result = np.zeros(len(own))
    one, two = first[own[near]], second[other[near]]
    shared, sizes = shared_areas(one, two), (one[:, 3] * one[:, 4], two[:, 3] * two[:, 4])
    if with_height:
        high = np.minimum(one[:, 2] + one[:, 5] / 2, two[:, 2] + two[:, 5] / 2)
        low = np.maximum(one[:, 2] - one[:, 5] / 2, two[:, 2] - two[:, 5] / 2)
        shared, sizes = shared * np.maximum(high - low, 0), (sizes[0] * one[:, 5], sizes[1] * two[:, 5])
    union = sizes[0] + sizes[1] - shared
    # A box may share a little more than itself with its copy, by rounding.
    result[near] = np.minimum(np.divide(shared, union, out=np.zeros(len(near)), where=union > 0), 1)
    return result.reshape(len(first), len(second))


def without_overlapping(boxes: Floats, limit: float) -> NDArray[np.int64]:
    """Return the rows of boxes that no better one overlaps by more than a limit, seen from above (greedy suppression).

    Args:
        boxes: (A, 7), the best first.
        limit: IoU.
    """
    return _greedy(overlaps(boxes, boxes, with_height=False) > limit)


def without_near(boxes: Floats, distance: float) -> NDArray[np.int64]:
    """Return the rows of boxes that have no better one nearer than a distance, from centre to centre seen from above.

    Args:
        boxes: (A, 7), the best first.
        distance: In the unit of the coordinates.
    """
    ways = np.linalg.norm(boxes[:, None, :2] - boxes[None, :, :2], axis=2)
    return _greedy(ways < distance)


def _greedy(excludes: NDArray[np.bool_]) -> NDArray[np.int64]:
    excluded = np.zeros(len(excludes), dtype=np.bool_)
    for row in range(len(excludes)):
        if not excluded[row]:
            excluded[row + 1 :] |= excludes[row, row + 1 :]
    return np.flatnonzero(~excluded)
