"""A cloud with colours seen from straight above.

Shape legend: P points, H x W pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WHITE = 255
# Dots are squares of this many pixels.
_DOT = 3
# Pixels so near to a dot, in metres, take its colour: floors and walls are sampled less densely than furniture.
_FILLED = 0.2


def top_view(
    points: NDArray[np.floating], colors: NDArray[np.uint8], size: int = 96, cut_height: float | None = 2.2
) -> NDArray[np.uint8]:
    """Draw the highest points of a cloud from above, on white, fitted into a square.

    Args:
        points: (P, 3) in metres, z up.
        colors: (P, 3) uint8 RGB.
        size: H and W.
        cut_height: Points more than so many metres above the floor are left out, as a ceiling would hide the room; None
            keeps all. The floor is where one point in a hundred lies lower.

    Returns:
        (H, W, 3) uint8; x to the right, y up.
    """
    from scipy.ndimage import distance_transform_edt

    picture = np.full((size, size, 3), WHITE, dtype=np.uint8)
    if not len(points):
        return picture
    shown = np.ones(len(points), dtype=np.bool_)
    if cut_height is not None:
        shown = points[:, 2] <= np.quantile(points[:, 2], 0.01) + cut_height
    order = np.flatnonzero(shown)[np.argsort(points[shown, 2], kind="stable")]
    seen = points[order, :2].astype(np.float64)
    low, high = seen.min(axis=0), seen.max(axis=0)
    pixels = size - _DOT
    scale = pixels / max(float((high - low).max()), 1e-9)
    place = (seen - (low + high) / 2) * scale + pixels / 2
    columns, rows = np.rint(place[:, 0]).astype(np.int64), np.rint(pixels - place[:, 1]).astype(np.int64)
    heights = np.full((size, size), -1, dtype=np.int64)
    for down in range(_DOT):
        for right in range(_DOT):
            np.maximum.at(heights, (rows + down, columns + right), np.arange(len(order)))
    drawn = heights >= 0
    picture[drawn] = colors[order[heights[drawn]]]
    distance, (near_row, near_column) = distance_transform_edt(~drawn, return_indices=True)
    filled = distance <= min(_FILLED * scale, size / 8)
    picture[filled] = picture[near_row[filled], near_column[filled]]
    return picture
