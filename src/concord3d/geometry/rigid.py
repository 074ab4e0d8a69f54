"""Rigid transformations as (4, 4) matrices, ``target_from_source``, and unit quaternions with the real part first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Matrix = NDArray[np.float64]


def rigid(rotation: Matrix, translation: Sequence[float] | NDArray[np.floating]) -> Matrix:
    """Return the (4, 4) transformation with a (3, 3) rotation and a translation."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, translation
    return matrix


def inverse(matrix: Matrix) -> Matrix:
    """Return the inverse of (..., 4, 4) rigid transformations."""
    result = np.zeros_like(matrix)
    turned = np.swapaxes(matrix[..., :3, :3], -1, -2)
    result[..., :3, :3] = turned
    result[..., :3, 3] = -(turned @ matrix[..., :3, 3:])[..., 0]
    result[..., 3, 3] = 1
    return result


def from_quaternion(quaternion: Sequence[float], translation: Sequence[float]) -> Matrix:
    """Return the (4, 4) transformation with a rotation by ``quaternion`` (w, x, y, z), then a translation.

    Raises:
        ValueError: The quaternion is zero or not finite, or a number is missing.
    """
    q = np.asarray(quaternion, dtype=np.float64)
    if q.shape != (4,) or not np.isfinite(q).all():
        raise ValueError(f"{quaternion} is no quaternion")
    return rigid(Rotation.from_quat(q, scalar_first=True).as_matrix(), translation)


def to_quaternion(rotation: Matrix) -> list[float]:
    """Return the unit quaternion (w, x, y, z) with w >= 0 of a (3, 3) rotation."""
    w, x, y, z = Rotation.from_matrix(rotation).as_quat(canonical=True, scalar_first=True).tolist()
    return [w, x, y, z]


def turn_about_z(radians: float) -> Matrix:
    """Return the (3, 3) rotation about z by the right-hand rule."""
    c, s = np.cos(radians), np.sin(radians)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def transformed(matrix: Matrix, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Apply a (4, 4) transformation to (P, 3) points."""
    moved: NDArray[np.float64] = points.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    return moved
