"""Frames that stand for a whole scan, by farthest-point sampling of camera poses (CrossOver spec 1.6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def key_frames(poses: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose frames whose poses differ most, beginning with a random one.

    A pose is its translation and its unit quaternion; each of the seven columns is brought to [0, 1] over the scan, and
    a constant column to 0.

    Args:
        poses: (F, 4, 4) from the camera to the world, finite.
        count: K.
        rng: Source of the first frame.

    Returns:
        (min(K, F),) rows in the order in which they were chosen.
    """
    if not len(poses):
        return np.zeros(0, np.int64)
    from scipy.spatial.transform import Rotation

    turns = Rotation.from_matrix(poses[:, :3, :3]).as_quat(canonical=True)
    columns = np.concatenate([poses[:, :3, 3], turns], axis=1)
    low, extent = columns.min(axis=0), np.ptp(columns, axis=0)
    # A camera that only turns, or only shifts, has constant columns; rounding of a float32 pose is no movement.
    columns = (columns - low) / np.where(extent > 1e-6, extent, np.inf)
    chosen = [int(rng.integers(len(columns)))]
    nearest = np.full(len(columns), np.inf)
    while len(chosen) < min(count, len(columns)):
        nearest = np.minimum(nearest, np.square(columns - columns[chosen[-1]]).sum(axis=1))
        nearest[chosen] = -1
        chosen.append(int(nearest.argmax()))
    return np.array(chosen, dtype=np.int64)
