"""Boxes that stand upright and are turned about the vertical, and how much two of them overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class UprightBox:
    """A box with vertical edges.

    Attributes:
        corners: (4, 2) its outline from above, counter-clockwise.
        low: Height of its bottom.
        high: Height of its top.
    """

    corners: Floats
    low: float
    high: float

    @classmethod
    def axis_aligned(cls, low: Floats, high: Floats) -> UprightBox:
        """Return the box between two corners (3,)."""
        (x0, y0, z0), (x1, y1, z1) = low.tolist(), high.tolist()
        return cls(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]), z0, z1)

    @classmethod
    def around(cls, points: Floats, forward: Floats) -> UprightBox:
        """Return the tight box around points with a side along a direction.

        Args:
            points: (N, 3).
            forward: (3,); only its horizontal part counts. A vertical one stands for x.
        """
        length = float(np.hypot(forward[0], forward[1]))
        x, y = (forward[:2] / length).tolist() if length > 1e-9 else (1.0, 0.0)
        axes = np.array([[x, y], [-y, x]])
        own = points[:, :2] @ axes.T
        (a0, b0), (a1, b1) = own.min(axis=0).tolist(), own.max(axis=0).tolist()
        corners = np.array([[a0, b0], [a1, b0], [a1, b1], [a0, b1]]) @ axes
        return cls(corners, float(points[:, 2].min()), float(points[:, 2].max()))

    @property
    def volume(self) -> float:
        """In cubic units."""
        return polygon_area(self.corners) * (self.high - self.low)


def box_iou(first: UprightBox, second: UprightBox) -> float:
    """Return the share of the union of two boxes that both hold; 0 where neither has a volume."""
    height = min(first.high, second.high) - max(first.low, second.low)
    if height <= 0:
        return 0.0
    shared = polygon_area(clipped(first.corners, second.corners)) * height
    union = first.volume + second.volume - shared
    return shared / union if union > 0 else 0.0


def polygon_area(corners: Floats) -> float:
    """Return the area of a polygon (n, 2), positive where it goes counter-clockwise."""
    if len(corners) < 3:
        return 0.0
    x, y = corners.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def clipped(polygon: Floats, window: Floats) -> Floats:
    """Return the part of a convex polygon inside another (the algorithm of Sutherland and Hodgman).

    Args:
        polygon: (n, 2).
        window: (m, 2) convex, counter-clockwise.

    Returns:
        (k, 2), empty where they share nothing.
    """
    for start, end in zip(window, np.roll(window, -1, axis=0), strict=True):
        if not len(polygon):
            break
        edge = end - start
        side = edge[0] * (polygon[:, 1] - start[1]) - edge[1] * (polygon[:, 0] - start[0])
        kept: list[Floats] = []
        for i in range(len(polygon)):
            previous = i - 1
            if (side[i] >= 0) != (side[previous] >= 0):
                share = side[previous] / (side[previous] - side[i])
                kept.append(polygon[previous] + share * (polygon[i] - polygon[previous]))
            if side[i] >= 0:
                kept.append(polygon[i])
        polygon = np.array(kept).reshape(-1, 2)
    return polygon
