"""A room cut into square columns of equally many points (MM-Point spec 1.2, S3DIS).

Shape legend: N points of the room, S blocks, P points per block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_POINTS = 100


@dataclass(frozen=True)
class CutRoom:
    """The blocks of one room.

    Attributes:
        features: (S, P, 9) float32: x and y from the middle of the block and z above the floor in metres, rgb / 255,
            and xyz divided by the size of the room.
        labels: (S, P) int64 class of every point.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]


def cut_room(
    points: NDArray[np.floating],
    colors: NDArray[np.uint8],
    labels: NDArray[np.integer],
    num_points: int,
    rng: np.random.Generator,
    side: float = 1.0,
    stride: float = 1.0,
    min_points: int = MIN_POINTS,
) -> CutRoom:
    """Cut a room into columns that stand on a square grid.

    Args:
        points: (N, 3) in metres, z up; the lowest corner of the room is taken as its origin.
        colors: (N, 3) RGB.
        labels: (N,) class of every point.
        num_points: P. Where a block has fewer, some are taken twice.
        rng: Source of the choice of points.
        side: Of a block in metres.
        stride: From one block to the next in metres; below ``side`` blocks overlap.
        min_points: Blocks with fewer points are left out.

    Returns:
        The blocks, row by row; none where no block has points enough.

    Source: MM-Point spec 1.2 (PointNet's preparation).
    """
    places = points - points.min(axis=0)
    size = places.max(axis=0)
    features, found = [], []
    for x in _starts(size[0], side, stride):
        row = np.flatnonzero((places[:, 0] >= x) & (places[:, 0] <= x + side))
        for y in _starts(size[1], side, stride):
            inside = row[(places[row, 1] >= y) & (places[row, 1] <= y + side)]
            if len(inside) < min_points:
                continue
            chosen = _chosen(inside, num_points, rng)
            local = places[chosen] - np.array([x + side / 2, y + side / 2, 0.0])
            features.append(np.concatenate([local, colors[chosen] / 255, places[chosen] / size], axis=1))
            found.append(labels[chosen])
    if not features:
        return CutRoom(np.empty((0, num_points, 9), np.float32), np.empty((0, num_points), np.int64))
    return CutRoom(np.stack(features).astype(np.float32), np.stack(found).astype(np.int64))


def _starts(length: float, side: float, stride: float) -> list[float]:
    """Return where blocks begin on one axis: the last one reaches the end of the room."""
    count = max(1, int(np.ceil((length - side) / stride)) + 1)
    return [stride * number for number in range(count)]


def _chosen(inside: NDArray[np.int64], num_points: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return P of the points of a block, each as often as any other where that is possible."""
    repeats, rest = divmod(num_points, len(inside))
    return np.concatenate([np.tile(inside, repeats), rng.permutation(inside)[:rest]])
