"""Boxes with a direction and a velocity, in one frame and in another.

Shape legend: n boxes, 9 numbers of a box: centre, length, width, height, direction of the front in radians from +x to
+y, and velocity along x and y.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concord3d.geometry.rigid import Matrix


def moved_boxes(boxes: NDArray[np.float64], matrix: Matrix) -> NDArray[np.float64]:
    """Return (n, 9) boxes in another frame, upright there too.

    Args:
        boxes: (n, 9).
        matrix: (4, 4) that frame from the frame of the boxes, nearly without pitch and roll.
    """
    result = boxes.copy()
    rotation = matrix[:3, :3]
    result[:, :3] = boxes[:, :3] @ rotation.T + matrix[:3, 3]
    front = np.stack([np.cos(boxes[:, 6]), np.sin(boxes[:, 6])], axis=1) @ rotation[:2, :2].T
    result[:, 6] = np.arctan2(front[:, 1], front[:, 0])
    result[:, 7:9] = boxes[:, 7:9] @ rotation[:2, :2].T
    return result


def numbers_inside(points: NDArray[np.floating], boxes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return (n,) how many points lie in each box.

    Args:
        points: (P, 3 or more), the first three are xyz.
        boxes: (n, 7 or more).
    """
    counts = np.zeros(len(boxes), dtype=np.int64)
    for number, box in enumerate(boxes):
        away = points[:, :3] - box[:3]
        c, s = np.cos(box[6]), np.sin(box[6])
        own = np.stack([away[:, 0] * c + away[:, 1] * s, away[:, 1] * c - away[:, 0] * s, away[:, 2]], axis=1)
        counts[number] = (np.abs(own) <= box[3:6] / 2).all(axis=1).sum()
    return counts
